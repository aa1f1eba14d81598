"""Pictures of any size and mode as 8-bit arrays; everything that knows pillow's pictures."""

import dataclasses
from typing import Any

import numpy as np

from lsgeo.data.sources._pool import Images

_EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}


@dataclasses.dataclass(frozen=True)
class Pictures:
    """How pictures become arrays.

    ImageNet's usual evaluation is `resize=256, image_size=224`.

    Attributes:
      resize: the shorter side is scaled to it, bilinearly with antialiasing; None leaves the size.
      image_size: side of the square that is cut from the centre; None cuts nothing.
      channels: 3 (RGB) or 1 (grey).
    """

    resize: int | None = None
    image_size: int | None = None
    channels: int = 3

    def __post_init__(self):
        if self.channels not in (1, 3):
            raise ValueError(f"`channels` must be 1 (grey) or 3 (RGB); got {self.channels}.")

    def array(self, picture: Any, source: str) -> np.ndarray:
        """Returns a pillow image as uint8 [H, W, channels]; `source` is what the errors call it."""
        if picture.mode not in _EIGHT_BITS:
            raise ValueError(
                f"{source} has the mode {picture.mode!r}; needed are 8 bits per channel, one of "
                f"{', '.join(sorted(_EIGHT_BITS))}."
            )
        picture = picture.convert("RGB" if self.channels == 3 else "L")
        if self.resize is not None:
            from PIL import Image

            scale = self.resize / min(picture.size)
            size = [max(self.resize, round(scale * side)) for side in picture.size]
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        if self.image_size is not None:
            picture = self._centre(picture, source)
        return np.asarray(picture, np.uint8).reshape(*picture.size[::-1], self.channels)

    def _centre(self, picture, source):
        width, height = picture.size
        if min(width, height) < self.image_size:
            raise ValueError(
                f"{source} is {height} x {width}, smaller than `image_size` = {self.image_size}. "
                "`resize` scales the shorter side."
            )
        left, top = (width - self.image_size) // 2, (height - self.image_size) // 2
        return picture.crop((left, top, left + self.image_size, top + self.image_size))


def loaded(
    listed: Any, names: list[str], labels: np.ndarray, *, source: str, num_classes: int
) -> Images:
    """Reads all images of a list of examples, which must be of one size; the error names two that differ."""
    arrays = [listed[index]["image"] for index in range(len(listed))]
    for array, name in zip(arrays, names, strict=True):
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"{name} is {array.shape[0]} x {array.shape[1]}, but {names[0]} is "
                f"{arrays[0].shape[0]} x {arrays[0].shape[1]}. Pass `resize` and `image_size`."
            )
    return Images.of(np.stack(arrays), labels, source=source, num_classes=num_classes)

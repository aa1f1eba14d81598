"""Mean and deviation of each channel, and images standardised by them."""

import dataclasses
from collections.abc import Iterable

import numpy as np

_CHUNK = 1024  # images at a time, because a histogram of bytes takes eight times their memory


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Mean and deviation of each channel of 8-bit images, in units of one grey level.

    Attributes:
      mean: one number per channel.
      deviation: its standard deviation (divided by the number of pixels, not one less).
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, batches: Iterable[np.ndarray], source: str = "images") -> "Statistics":
        """Measures images, exactly: they are counted by grey level, and whole numbers add up exactly.

        The result is the same bits in whatever order and batches the images come.

        Args:
          batches: arrays uint8 [n, H, W, C], one after the other.
          source: what the errors call them.

        Raises:
          ValueError: for images of another type, none at all, or a channel that is constant.
        """
        counts = None
        for batch in batches:
            if batch.dtype != np.uint8 or batch.ndim != 4:
                raise ValueError(
                    f"{source}: images must be uint8 [N, H, W, C]; got {batch.dtype} {list(batch.shape)}."
                )
            for start in range(0, len(batch), _CHUNK):
                planes = np.moveaxis(batch[start : start + _CHUNK], -1, 0)
                new = np.stack([np.bincount(plane.ravel(), minlength=256) for plane in planes])
                counts = new if counts is None else counts + new
        if counts is None:
            raise ValueError(f"{source}: there are no images to measure.")
        levels = np.arange(256)
        total = counts.sum(1)
        mean = counts @ levels / total
        variance = counts @ levels**2 / total - mean**2
        constant = np.flatnonzero((counts > 0).sum(1) < 2)
        if len(constant):
            raise ValueError(
                f"{source}: channel {constant[0]} of the training images is constant, "
                "so that nothing can be divided by its deviation."
            )
        return cls(tuple(mean.tolist()), tuple(np.sqrt(variance).tolist()))

    @property
    def black(self) -> tuple[float, ...]:
        """What a pixel of 0 becomes, one number per channel: `fill` of `augment` for black borders."""
        return tuple(-m / d for m, d in zip(self.mean, self.deviation, strict=True))

    def standardise(self, images: np.ndarray) -> np.ndarray:
        """Returns (images - mean) / deviation, float32 [N, H, W, C], of uint8 images [N, H, W, C]."""
        if images.dtype != np.uint8 or images.shape[-1:] != (len(self.mean),):
            raise ValueError(
                f"`images` must be uint8 with {len(self.mean)} channels, as the statistics have; "
                f"got {images.dtype} {list(images.shape)}."
            )
        # By table: no array in float64, and the same rounding as one.
        out = np.empty(images.shape, np.float32)
        for channel, (mean, deviation) in enumerate(zip(self.mean, self.deviation, strict=True)):
            table = ((np.arange(256) - mean) / deviation).astype(np.float32)
            out[..., channel] = table[images[..., channel]]
        return out

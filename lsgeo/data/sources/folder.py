"""Images in one folder per class, as ImageNet comes."""

import os
import pathlib

import numpy as np

from lsgeo.data.sources import _pictures as pictures
from lsgeo.data.sources._files import missing
from lsgeo.data.sources._pool import Pool

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp"}


class ImageFolder:
    """The images of path/CLASS/IMAGE, one at a time: what `stream` reads.

    Classes are numbered in the order of their names, and images sorted by class and name. Hidden files are
    skipped.

    Attributes:
      classes: names of the classes.
      paths: of the images.
      labels: int32 [N].
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        resize: int | None = None,
        image_size: int | None = None,
        channels: int = 3,
    ):
        """Lists the folder.

        Args:
          path: folder with one sub-folder per class.
          resize: the shorter side is scaled to it; None leaves the size.
          image_size: side of the square cut from the centre; None cuts nothing.
          channels: 3 (RGB) or 1 (grey).

        Raises:
          FileNotFoundError: if there is no such folder.
          ValueError: if it has no sub-folders, one without images, or a file that is no image.
        """
        self.path = pathlib.Path(path)
        self._pictures = pictures.Pictures(resize, image_size, channels)
        folders = _folders(self.path)
        if not folders:
            raise ValueError(f"{self.path} has no sub-folders: there must be one per class.")
        files = [_images(folder) for folder in folders]
        self.classes = tuple(folder.name for folder in folders)
        self.paths = [file for group in files for file in group]
        self.labels = np.repeat(np.arange(len(files)), [len(g) for g in files]).astype(np.int32)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns {"image": uint8 [H, W, C], "label": int32 []}."""
        try:
            from PIL import Image
        except ImportError as error:
            raise missing("pillow", "reading image files") from error

        path = self.paths[index]
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{path} is truncated, corrupt or no image: {error}") from error
        return {"image": self._pictures.array(picture, str(path)), "label": self.labels[index]}


def folder(
    root: str | os.PathLike | None,
    *,
    resize: int | None = None,
    image_size: int | None = None,
    channels: int = 3,
) -> Pool:
    """Reads root/train/CLASS/IMAGE and root/val/CLASS/IMAGE (or root/test/...) into memory.

    Without root/train, the classes are those of `root` itself, and there is no official test set.

    Args:
      root: the folder.
      resize: the shorter side is scaled to it; None leaves the size.
      image_size: side of the square cut from the centre; None cuts nothing.
      channels: 3 (RGB) or 1 (grey).

    Raises:
      FileNotFoundError: if there is no such folder.
      ValueError: as `ImageFolder`, for images of different sizes, or other classes in the two parts.
    """
    if root is None:
        raise ValueError(
            "`root` is missing: the folder with train/CLASS/IMAGE and val/CLASS/IMAGE."
        )
    root = pathlib.Path(root)
    options = {"resize": resize, "image_size": image_size, "channels": channels}
    if not (root / "train").is_dir():
        listed = ImageFolder(root, **options)
        return Pool(_loaded(listed), None, len(listed.classes))
    train = ImageFolder(root / "train", **options)
    held = next((root / name for name in ("val", "test") if (root / name).is_dir()), None)
    if held is None:
        return Pool(_loaded(train), None, len(train.classes))
    test = ImageFolder(held, **options)
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))[0]
        raise ValueError(
            f"{train.path} and {held} have different classes: {odd!r} is in one of them."
        )
    return Pool(_loaded(train), _loaded(test), len(train.classes))


def _loaded(listed):
    names, count = [str(path) for path in listed.paths], len(listed.classes)
    return pictures.loaded(listed, names, listed.labels, source=str(listed.path), num_classes=count)


def _folders(path):
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path}. Put the images into {path}/CLASS/IMAGE, as they can be downloaded "
            "from the page of the data set (https://image-net.org/download for ImageNet), or load a Hugging "
            "Face copy with data.load('hf:ILSVRC/imagenet-1k'), which needs the network and "
            "`pip install 'lsgeo[data]'`."
        )
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _images(path):
    files = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    if not files:
        raise ValueError(f"The class folder {path} is empty.")
    for file in files:
        if not file.is_file() or file.suffix.lower() not in _SUFFIXES:
            known = ", ".join(sorted(_SUFFIXES))
            raise ValueError(f"{file} is no image file: the endings are {known}.")
    return files

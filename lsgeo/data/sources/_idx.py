"""MNIST and Fashion-MNIST from their IDX files."""

import os

import numpy as np

from lsgeo.data.sources._files import Origin, check_md5, content
from lsgeo.data.sources._pool import Images, Pool

_UNSIGNED_BYTE = 8
_PARTS = {"train": "train", "test": "t10k"}
# Of the uncompressed files, which plain and recompressed copies share.
_MD5 = {
    "mnist": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
_MNIST = Origin(
    "mnist",
    (".", "mnist", "MNIST/raw"),
    "https://github.com/cvdfoundation/mnist",
    "data.load('hf:ylecun/mnist', channels=1)",
)
_FASHION = Origin(
    "fashion-mnist",
    (".", "fashion-mnist", "FashionMNIST/raw"),
    "https://github.com/zalandoresearch/fashion-mnist",
    "data.load('hf:zalando-datasets/fashion_mnist', channels=1)",
)


def mnist(root: str | os.PathLike | None, *, verify: bool) -> Pool:
    """Reads MNIST (LeCun et al. 1998): 60000 and 10000 grey images of 28 x 28, 10 classes."""
    return _read_pool(_MNIST, root, verify)


def fashion_mnist(root: str | os.PathLike | None, *, verify: bool) -> Pool:
    """Reads Fashion-MNIST (Xiao et al. 2017), which has the format and the sizes of MNIST."""
    return _read_pool(_FASHION, root, verify)


def parse_idx(data: bytes, *, source: str | os.PathLike, ndim: int) -> np.ndarray:
    """Reads an IDX file of unsigned bytes.

    The format: two zero bytes, a type, the number of axes, each axis's length as a big-endian 32-bit
    number, then the values in C order.

    Args:
      data: the file's content, uncompressed.
      source: what the errors call it.
      ndim: the number of axes that it must have.

    Returns:
      uint8 array of `ndim` axes.

    Raises:
      ValueError: for another format, type or number of axes, and for missing or surplus bytes.
    """
    header = 4 + 4 * ndim
    if len(data) < header or data[:2] != b"\0\0":
        raise ValueError(f"{source} is not an IDX file: it begins with {data[:4].hex(' ')!r}.")
    if (data[2], data[3]) != (_UNSIGNED_BYTE, ndim):
        raise ValueError(
            f"{source} holds values of type {data[2]:#04x} on {data[3]} axes; needed are unsigned bytes "
            f"({_UNSIGNED_BYTE:#04x}) on {ndim}."
        )
    shape = tuple(np.frombuffer(data, ">u4", ndim, 4).tolist())
    announced, there = int(np.prod(shape, dtype=object)), len(data) - header
    if announced != there:
        raise ValueError(
            f"{source} is truncated or corrupt: its header announces {announced} values, it has {there}."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _read_pool(origin, root, verify):
    parts = {}
    for part, prefix in _PARTS.items():
        image = _read(origin, root, f"{prefix}-images-idx3-ubyte", 3, verify)
        label = _read(origin, root, f"{prefix}-labels-idx1-ubyte", 1, verify)
        parts[part] = Images.of(
            image[..., None],
            label,
            source=f"{origin.name} {part}",
            num_classes=10,
            shape=(28, 28, 1),
        )
    return Pool(parts["train"], parts["test"], 10)


def _read(origin, root, name, ndim, verify):
    path = origin.find(root, (name, f"{name}.gz"))
    data = content(path)
    array = parse_idx(data, source=path, ndim=ndim)
    if verify:
        check_md5(path, data, _MD5[origin.name][name])
    return array

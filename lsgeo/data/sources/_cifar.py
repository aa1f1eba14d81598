"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) from the binary and from the Python version.

Both versions are read from their folders or from the archives as downloaded, which are never unpacked.
No pickle is executed, see `lsgeo.data.sources._pickles`.
"""

import dataclasses
import os
import pathlib
import tarfile
import zlib
from collections.abc import Callable

import numpy as np

from lsgeo.data.sources._files import Origin, check_md5
from lsgeo.data.sources._pickles import read_pickle
from lsgeo.data.sources._pool import Images, Pool

_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_SHAPE = (32, 32, 3)
_PIXELS = 3072
_SIZES = {"train": 50_000, "test": 10_000}


@dataclasses.dataclass(frozen=True)
class _Version:
    # Files by part with their MD5 ("" where none is published).
    folder: str
    archive: str
    md5: str
    files: dict[str, dict[str, str]]
    decode: Callable  # (bytes, source) -> (rows [n, 3072], labels [n])


def _pickled(key):
    def decode(data, source):
        content = read_pickle(data, source=source)
        missing = {b"data", key} - set(content)
        if missing:
            raise ValueError(f"{source} has no {missing.pop()!r}; it has {sorted(content)}.")
        rows, labels = content[b"data"], content[key]
        if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != _PIXELS:
            shape = list(getattr(rows, "shape", [])) or type(rows).__name__
            raise ValueError(f"{source}: `data` must be bytes [n, {_PIXELS}]; got {shape}.")
        if type(labels) is not list or not all(type(label) is int for label in labels):
            raise ValueError(f"{source}: {key!r} must be a list of whole numbers.")
        return rows, np.array(labels, np.int64)

    return decode


def _binary(num_labels):
    def decode(data, source):
        record = num_labels + _PIXELS
        if not data or len(data) % record:
            raise ValueError(
                f"{source} is truncated or corrupt: {len(data)} bytes are no whole number of records "
                f"of {record}."
            )
        records = np.frombuffer(data, np.uint8).reshape(-1, record)
        return records[:, num_labels:], records[:, num_labels - 1]

    return decode


_CIFAR10 = Origin("cifar10", (".", "cifar10"), _PAGE, "data.load('hf:uoft-cs/cifar10')")
_CIFAR100 = Origin(
    "cifar100",
    (".", "cifar100"),
    _PAGE,
    "data.load('hf:uoft-cs/cifar100', label='fine_label')",
)
_CIFAR10_VERSIONS = (
    _Version(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
        {
            "train": {
                "data_batch_1": "c99cafc152244af753f735de768cd75f",
                "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "data_batch_4": "634d18415352ddfa80567beed471001a",
                "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            },
            "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
        },
        _pickled(b"labels"),
    ),
    _Version(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        {
            "train": {f"data_batch_{i}.bin": "" for i in range(1, 6)},
            "test": {"test_batch.bin": ""},
        },
        _binary(1),
    ),
)
_CIFAR100_VERSIONS = (
    _Version(
        "cifar-100-python",
        "cifar-100-python.tar.gz",
        "eb9058c3a382ffc7106e4002c42a8d85",
        {
            "train": {"train": "16019d7e3df5f24257cddd939b257f8d"},
            "test": {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        },
        _pickled(b"fine_labels"),
    ),
    _Version(
        "cifar-100-binary",
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        {"train": {"train.bin": ""}, "test": {"test.bin": ""}},
        _binary(2),  # coarse, then fine
    ),
)


def cifar10(root: str | os.PathLike | None, *, verify: bool) -> Pool:
    """Reads CIFAR-10: 50000 and 10000 colour images of 32 x 32, 10 classes."""
    return _read_pool(_CIFAR10, _CIFAR10_VERSIONS, 10, root, verify)


def cifar100(root: str | os.PathLike | None, *, verify: bool) -> Pool:
    """Reads CIFAR-100: as CIFAR-10, with the 100 fine classes."""
    return _read_pool(_CIFAR100, _CIFAR100_VERSIONS, 100, root, verify)


def _read_pool(origin, versions, num_classes, root, verify):
    found = origin.find(root, tuple(name for v in versions for name in (v.folder, v.archive)))
    version = next(v for v in versions if found.name in (v.folder, v.archive))
    names = {name: md5 for files in version.files.values() for name, md5 in files.items()}
    if found.name == version.folder:
        contents = _from_folder(origin, found, names, verify)
    else:
        contents = _from_archive(found, version, names, verify)
    parts = {}
    for part, files in version.files.items():
        decoded = [version.decode(contents[name], f"{found}/{name}") for name in files]
        rows, label = (np.concatenate(arrays) for arrays in zip(*decoded, strict=True))
        # A row holds the red plane, the green and the blue, each row by row.
        image = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        source = f"{origin.name} {part}"
        images = Images.of(image, label, source=source, num_classes=num_classes, shape=_SHAPE)
        if verify:
            _check_sizes(images.label, num_classes, _SIZES[part], source)
        parts[part] = images
    return Pool(parts["train"], parts["test"], num_classes)


def _from_folder(origin, folder, names, verify):
    contents = {}
    for name, md5 in names.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{name} of {origin.name!r} is not in {folder}. {origin.advice('it')}"
            )
        contents[name] = (folder / name).read_bytes()
        if verify and md5:
            check_md5(folder / name, contents[name], md5)
    return contents


def _from_archive(path: pathlib.Path, version, names, verify):
    if verify:
        check_md5(path, path, version.md5)
    contents = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if member.isreg() and folder == version.folder and name in names:
                    contents[name] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or corrupt: {error}.") from error
    missing = sorted(set(names) - set(contents))
    if missing:
        raise ValueError(f"{path} has no {version.folder}/{missing[0]}.")
    return contents


def _check_sizes(labels, num_classes, size, source):
    # All classes have the same number of images, which the binary files have no checksum to prove.
    counts = np.bincount(labels, minlength=num_classes)
    if not (counts == size // num_classes).all():
        raise ValueError(
            f"{source} must have {size // num_classes} images of each of {num_classes} classes, {size} in "
            f"all; got from {counts.min()} to {counts.max()}, {len(labels)} in all. "
            "verify=False loads your own data in the same format."
        )

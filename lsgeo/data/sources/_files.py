"""Files of published data sets: where they are looked for, and whether they are the published ones."""

import dataclasses
import gzip
import hashlib
import importlib.util
import os
import pathlib
import zlib


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a data set can be had.

    Attributes:
      name: its name in `load`.
      folders: folders below `root` in which its files may lie, "." included.
      page: the page to download it from by hand.
      hub: the call that loads it from Hugging Face.
    """

    name: str
    folders: tuple[str, ...]
    page: str
    hub: str

    def find(self, root: str | os.PathLike | None, names: tuple[str, ...]) -> pathlib.Path:
        """Returns the first of `names` that is in one of the folders.

        Raises:
          ValueError: without `root`.
          FileNotFoundError: if there is none; says how to get it.
        """
        if root is None:
            raise ValueError(
                f"`root` is missing: the folder with the files of {self.name!r}. {self.advice('them')}"
            )
        root = pathlib.Path(root)
        for folder in self.folders:
            for name in names:
                if (path := root / folder / name).exists():
                    return path
        where = " or ".join(str(root / folder) for folder in self.folders)
        raise FileNotFoundError(
            f"{' or '.join(names)} of {self.name!r} is not in {where}. {self.advice('it')}"
        )

    def advice(self, what: str) -> str:
        """Says the two ways to get the files."""
        return (
            f"Either download {what} by hand from {self.page} into that folder, or load the Hugging Face "
            f"copy with {self.hub}, which needs the network and `pip install 'lsgeo[data]'`."
        )


def packaged(package: str, need: str) -> pathlib.Path:
    """Returns the folder of an installed package, which is not imported.

    Raises:
      ImportError: if it is not installed; `need` says what for.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing(package, need)
    return pathlib.Path(next(iter(spec.submodule_search_locations)))


def missing(library: str, need: str) -> ImportError:
    """The error for a library of the extra `data` that is not installed."""
    return ImportError(
        f"{need} needs {library}, which is not installed. Install it with `pip install 'lsgeo[data]'`."
    )


def content(path: pathlib.Path) -> bytes:
    """Returns the bytes of a file, those of a .gz uncompressed.

    Raises:
      ValueError: if it is truncated or corrupt.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is truncated or corrupt: {error}.") from error


def check_md5(source: str | os.PathLike, data: bytes | pathlib.Path, expected: str) -> None:
    """Raises a ValueError unless the MD5 of bytes, or of a file, is the published one."""
    if isinstance(data, pathlib.Path):
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    else:
        digest = hashlib.md5(data, usedforsecurity=False)
    if digest.hexdigest() != expected:
        raise ValueError(
            f"{source} is not the published file: its MD5 is {digest.hexdigest()}, published is {expected}. "
            "Download it again; verify=False loads your own data in the same format."
        )

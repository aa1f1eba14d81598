"""HDF5 files with the keys of Li et al.'s code, which tools around it read and write.

Paper: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), with its
code. A surface file has `xcoordinates` [nx], `ycoordinates` [ny] (absent in a 1-D file) and arrays by key.
Their program allocates each array as (nx, ny) yet fills its memory row by row with x running fastest; on a
grid that is not square the shape and the order then contradict each other, and the order tells the truth.
Points that are still to be computed hold -1 there, and 1 in `min_eig`.
"""

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lsgeo import runs
from lsgeo.exports._extras import missing
from lsgeo.geometry import Surface

KEYS = ("train_loss", "train_acc", "test_loss", "test_acc", "min_eig", "max_eig")


def write_li(path: str | os.PathLike, surfaces: Mapping[str, Surface]) -> None:
    """Writes surfaces over one grid as a surface file.

    Arrays are stored as [ny, nx], as the plots of Li et al. take them, in the dtype of the values; NaN stays
    NaN, which their program does not take for unfinished.

    Args:
      path: of the file.
      surfaces: key -> Surface: "train_loss", "train_acc" (per cent), "test_loss", "test_acc", "min_eig",
        "max_eig" (of the Hessian).

    Raises:
      ValueError: if there is no surface, a key is another one, the grids differ, or h5py is missing.
    """
    for key in surfaces:
        if key not in KEYS:
            raise ValueError(f"Unknown key in `surfaces`: {key!r}. Choose from: {', '.join(KEYS)}.")
    if not surfaces:
        raise ValueError("`surfaces` must hold at least one surface; got none.")
    first, *others = surfaces.items()
    for key, one in others:
        if not (np.array_equal(one.xs, first[1].xs) and np.array_equal(one.ys, first[1].ys)):
            raise ValueError(
                f"`surfaces` must have one grid; {first[0]!r} and {key!r} differ. Write two files."
            )
    arrays = {key: np.asarray(one.values) for key, one in surfaces.items()}
    _write(path, {"xcoordinates": first[1].xs, "ycoordinates": first[1].ys, **arrays})


def read_li(path: str | os.PathLike) -> dict[str, Surface]:
    """Reads a surface file of Li et al.'s code, or of `write_li`.

    Args:
      path: of the file.

    Returns:
      Mapping from key to Surface, for those of "train_loss", "train_acc", "test_loss", "test_acc", "min_eig"
      and "max_eig" that are there. A point that is still to be computed is NaN. A 1-D file gives a
      surface with the one row ys = [0].

    Raises:
      ValueError: if it is no such file, an array does not fit the coordinates, or h5py is missing.
    """
    stored = _read(path, ("xcoordinates", "ycoordinates", *KEYS))
    if "xcoordinates" not in stored or not stored.keys() & set(KEYS):
        raise ValueError(
            f"{path} is no surface file: it must have xcoordinates and one of {', '.join(KEYS)}; of these it "
            f"has {', '.join(stored) or 'none'}."
        )
    xs = np.asarray(stored.pop("xcoordinates"), float)
    ys = np.asarray(stored.pop("ycoordinates", [0.0]), float)
    values = {key: _in_order(path, key, array, xs, ys) for key, array in stored.items()}
    return {key: Surface(xs, ys, array) for key, array in _without_sentinels(values).items()}


def write_li_directions(path: str | os.PathLike, directions: Sequence[Any]) -> None:
    """Writes one or two directions as a direction file: `xdirection` and `ydirection`, a list of arrays each.

    Arrays keep their layout and the order of `jax.tree.leaves`. PyTorch's networks, for which Li et al.'s code
    reads such files, want its own layout (kernels as [out, in, height, width]) and order: convert first.

    Args:
      path: of the file.
      directions: one pytree, or two.

    Raises:
      ValueError: if there are not one or two, or h5py is missing.
    """
    if len(directions) not in (1, 2):
        raise ValueError(f"`directions` must be one pytree or two; got {len(directions)}.")
    arrays = {}
    for name, tree in zip(("xdirection", "ydirection"), directions, strict=False):
        for number, leaf in enumerate(jax.tree.leaves(tree)):
            arrays[f"{name}/{number}"] = np.asarray(leaf)
    _write(path, arrays)


def read_li_directions(path: str | os.PathLike) -> list[list[np.ndarray]]:
    """Reads a direction file: one list of arrays, or two, in the order of the network's parameters.

    Raises:
      ValueError: if it is no such file, or h5py is missing.
    """
    groups = _read(path, ("xdirection", "ydirection"))
    if "xdirection" not in groups:
        raise ValueError(f"{path} is no direction file: it has no xdirection.")
    return list(groups.values())


def _in_order(path, key, array, xs, ys):
    array = array if np.issubdtype(array.dtype, np.floating) else array.astype(float)
    wanted = (len(ys), len(xs))
    if array.shape not in (wanted, wanted[::-1]) and not (len(ys) == 1 and array.shape == xs.shape):
        raise ValueError(
            f"{path} is damaged: {key} has the shape {array.shape}, but there are {len(xs)} xcoordinates and "
            f"{len(ys)} ycoordinates."
        )
    return array.reshape(wanted)


def _without_sentinels(values):
    open_points = {key: array == -1 for key, array in values.items() if key != "min_eig"}
    if "min_eig" in values:
        # 1 is a possible eigenvalue, so that both must have their mark.
        marked = open_points.get("max_eig", False)
        open_points["min_eig"] = marked & (values["min_eig"] == 1)
        if "max_eig" in values:
            open_points["max_eig"] = open_points["min_eig"]
    return {key: np.where(open_points[key], np.nan, array) for key, array in values.items()}


def _write(path, arrays):
    try:
        import h5py
    except ImportError as error:
        raise missing("h5py", "An .h5 file") from error
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for key, array in arrays.items():
            file[key] = array
    runs.write_bytes(path, memory.getvalue())


def _read(path, keys):
    try:
        import h5py
    except ImportError as error:
        raise missing("h5py", "An .h5 file") from error
    try:
        with h5py.File(path, "r") as file:
            found = {key: file[key] for key in keys if key in file}
            return {
                # A group is a list: its arrays are called 0, 1, 2, ...
                key: [item[str(number)][()] for number in range(len(item))]
                if isinstance(item, h5py.Group)
                else np.asarray(item[()])
                for key, item in found.items()
            }
    except FileNotFoundError:
        raise ValueError(f"There is no file {path}.") from None
    except OSError as error:
        raise ValueError(f"{path} is no HDF5 file, or damaged ({error}).") from error

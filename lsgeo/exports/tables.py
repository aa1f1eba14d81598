"""Surfaces as tables."""

import os

import numpy as np

from lsgeo import runs
from lsgeo.geometry import Surface


def write_csv(path: str | os.PathLike, surface: Surface) -> None:
    """Writes a row x,y,loss for every point, x running fastest.

    Numbers are the shortest texts that read back as the same float64 (a float32 loss is widened first); NaN
    and infinities are nan, inf and -inf, which NumPy, pandas and R read.

    Args:
      path: of the file.
      surface: xs [nx], ys [ny], values [ny, nx].
    """
    xs, ys = np.meshgrid(surface.xs, surface.ys)
    columns = (np.ravel(column).astype(float).tolist() for column in (xs, ys, surface.values))
    rows = [",".join(map(repr, row)) for row in zip(*columns, strict=True)]
    runs.write_bytes(path, "\n".join(["x,y,loss", *rows, ""]).encode())

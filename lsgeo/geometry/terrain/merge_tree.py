"""Which minima a surface has, and how high one must climb from each to reach a lower one."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from lsgeo import trees

STEPS = {
    4: ((0, -1), (-1, 0), (0, 1), (1, 0)),
    8: ((0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)),
}


@trees.frozen
class MergeTree:
    """The minima of a surface, in the order of their value, and where each joins a lower one.

    Attributes:
      births: (k,) values of the minima, ascending.
      deaths: (k,) values of the saddles where they join; infinite for a minimum that joins none.
      minima: (k, 2) rows and columns (j, i) in the grid.
      saddles: (k, 2) likewise; -1 where there is none.
      joins: (k,) position in these lists of the minimum that each joins; -1 for none.
    """

    births: np.ndarray
    deaths: np.ndarray
    minima: np.ndarray
    saddles: np.ndarray
    joins: np.ndarray

    @property
    def persistence(self) -> np.ndarray:
        """(k,) deaths - births, the barrier around each minimum; infinite for one that joins none."""
        return self.deaths - self.births

    def count(self, threshold: float) -> int:
        """Number of minima that join a lower one behind a barrier above `threshold`."""
        barriers = self.persistence
        return int(np.sum(np.isfinite(barriers) & (barriers > threshold)))

    def __str__(self) -> str:
        barriers = self.persistence[np.isfinite(self.persistence)]
        highest = f", highest barrier {barriers.max():.3g}" if barriers.size else ""
        return f"MergeTree of {len(self.births)} minima{highest}"


def merge_tree(values: Any, *, neighbours: int = 8) -> MergeTree:
    """Computes the merge tree of sublevel sets, which is their persistence of dimension 0.

    Points enter in the order of their values, equal ones in that of their index; a union-find holds the
    connected sets. Where two meet, the one whose minimum is higher ends (the elder rule; Edelsbrunner and
    Harer 2010, section VII.1). What it finds depends on the order of the values alone: a strictly
    increasing map of the values maps births and deaths, and leaves minima, saddles and joins.

    Infinity and NaN are in no sublevel set: never a minimum, and no way leads through them. A plateau is one
    minimum.

    Args:
      values: [ny, nx] losses, or a Surface.
      neighbours: 4 along the axes, or 8 with the diagonals.

    Returns:
      MergeTree; without a minimum where no value is below infinity.

    Raises:
      ValueError: if `values` are not a plane of numbers, or for other `neighbours`.
    """
    values = plane_of(values, neighbours)
    merges, roots = _sweep(values, STEPS[neighbours])
    return _tree(values, [(root, -1, -1) for root in roots] + merges)


def plane_of(values: Any, neighbours: int) -> np.ndarray:
    """Returns values [ny, nx] in float64.

    Raises:
      ValueError: as `merge_tree`.
    """
    if neighbours not in STEPS:
        raise ValueError(f"`neighbours` must be 4 or 8; got {neighbours!r}.")
    values = np.asarray(getattr(values, "values", values))
    real = any(jnp.issubdtype(values.dtype, kind) for kind in (jnp.floating, jnp.integer))
    if values.ndim != 2 or not values.size or not real:
        raise ValueError(
            f"`values` must be real numbers [ny, nx]; got {values.dtype} of shape {values.shape}."
        )
    return values.astype(np.float64)


def _sweep(values, steps):
    height, width = values.shape
    flat = values.ravel().tolist()
    order = np.argsort(values.ravel(), kind="stable").tolist()
    parent = [-1] * len(flat)  # of points that have not entered: -1
    lowest = list(range(len(flat)))  # of the set of each root
    merges = []
    for point in order:
        if not flat[point] < math.inf:
            break  # infinities are sorted last but for NaN
        parent[point] = point
        j, i = divmod(point, width)
        for down, right in steps:
            row, column = j + down, i + right
            if not (0 <= row < height and 0 <= column < width):
                continue
            other = row * width + column
            if parent[other] < 0:
                continue
            one, two = _root(parent, point), _root(parent, other)
            if one == two:
                continue
            # Minima are compared as the points were sorted: by value, then by index.
            ranked = sorted((one, two), key=lambda root: (flat[lowest[root]], lowest[root]))
            kept, ended = (lowest[root] for root in ranked)
            if flat[ended] < flat[point]:
                merges.append((ended, point, kept))
            parent[ranked[1]] = ranked[0]
    roots = sorted({lowest[_root(parent, p)] for p in order if parent[p] >= 0})
    return merges, roots


def _root(parent, point):
    while parent[point] != point:
        parent[point] = parent[parent[point]]
        point = parent[point]
    return point


def _tree(values, branches):
    flat, width = values.ravel(), values.shape[1]
    branches = sorted(branches, key=lambda branch: (flat[branch[0]], branch[0]))
    table = np.asarray(branches, np.int64).reshape(-1, 3)
    place = {int(minimum): k for k, minimum in enumerate(table[:, 0])}
    joined = table[:, 1] >= 0
    deaths = np.where(joined, flat[np.maximum(table[:, 1], 0)], np.inf)
    joins = np.array([place.get(int(other), -1) for other in table[:, 2]], np.int64)
    saddles = np.where(joined[:, None], _places(table[:, 1], width), -1)
    return MergeTree(flat[table[:, 0]], deaths, _places(table[:, 0], width), saddles, joins)


def _places(points, width):
    return np.stack(np.divmod(points, width), axis=1)

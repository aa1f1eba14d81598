"""Curves through parameter space, given by control points."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_same
from lsgeo.geometry.dynamics.flow import between

KINDS = ("bezier", "polygonal")


@trees.frozen
class Curve:
    """A curve c(t), t from 0 to 1, that starts at its first control point and ends at the last.

    With points p_0 ... p_n, "bezier" is sum_j binomial(n, j) (1 - t)^(n - j) t^j p_j, and "polygonal" goes
    from p_j to p_(j + 1) on a straight line while t goes from j / n to (j + 1) / n.

    Attributes:
      points: control points, a pytree like the parameters with a leading axis [n + 1, ...].
      kind: "bezier" or "polygonal".
    """

    points: Any
    kind: str = trees.static(default="polygonal")

    @property
    def num_points(self) -> int:
        """Number of control points, both ends included."""
        return jax.tree.leaves(self.points)[0].shape[0]

    def __call__(self, t: jax.Array | float) -> Any:
        """Returns the parameters at t; at 0 and 1 exactly those of the ends."""
        return _at(self, t)

    def __str__(self) -> str:
        return f"Curve({self.kind}, {self.num_points} control points)"


def straight(start: Any, end: Any, *, num_points: int = 2, kind: str = "polygonal") -> Curve:
    """The segment between two points, as a curve with control points at equal distances.

    Raises:
      ValueError: if the ends differ in structure or shape, or are not finite.
    """
    check_same(start, end, "start", "end")
    for name, tree in (("start", start), ("end", end)):
        trees.space_of(tree, name)
        trees.check_finite(tree, name)
    ts = np.linspace(0, 1, num_points)

    def line(a, b):
        a, b = np.asarray(a), np.asarray(b)
        inner = [((1 - t) * a + t * b).astype(a.dtype) for t in ts[1:-1]]
        return jnp.asarray(np.stack([a, *inner, b]))

    return Curve(jax.tree.map(line, start, end), kind)


def combine(weights: jax.Array, points: Any) -> Any:
    """Sums over control points with weights [..., n + 1]."""

    def one(leaf):
        flat = leaf.reshape(leaf.shape[0], -1)
        mixed = jnp.matmul(weights.astype(leaf.dtype), flat, precision=trees.HIGHEST)
        return mixed.reshape(*weights.shape[:-1], *leaf.shape[1:])

    return jax.tree.map(one, points)


def weights(kind: str, num_points: int, t: jax.Array) -> jax.Array:
    """Returns the weights [n + 1] of the control points at t; they sum to 1."""
    n = num_points - 1
    js = jnp.arange(num_points, dtype=t.dtype)
    if kind == "polygonal":
        return jnp.maximum(0, 1 - jnp.abs(n * t - js))
    counts = jnp.asarray([math.comb(n, j) for j in range(num_points)], t.dtype)
    return counts * (1 - t) ** (n - js) * t**js


def lengths(curve: Curve, ts: np.ndarray) -> np.ndarray:
    """Distances [m] along the curve from its start to the points at ts, by chords."""
    points = (curve(float(t)) for t in ts)
    chords = [float(between(a, b)) for a, b in itertools.pairwise(points)]
    return np.concatenate([[0.0], np.cumsum(chords)])


@jax.jit
def _at(curve, t):
    dtype = trees.space_of(curve.points).dtype
    return combine(weights(curve.kind, curve.num_points, jnp.asarray(t, dtype)), curve.points)

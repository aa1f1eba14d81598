"""The loss along a curve between two networks, and how high it rises."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count
from lsgeo.geometry.connectivity import curves
from lsgeo.geometry.connectivity.curves import Curve
from lsgeo.operators import checks
from lsgeo.operators.evaluation import evaluate

Loss = Callable[[Any, Any], jax.Array]


@trees.frozen
class Barrier:
    """The loss along a curve; see `barrier_along`.

    Every value on a curve bounds the lowest pass between its ends from above, so that a barrier found is no
    less than the landscape's. Between its points the curve itself may rise higher; `resolution` says by how
    much.

    Attributes:
      ts: (m,) places on the curve, 0 to 1.
      losses: (m,) mean loss over the examples. NaN and infinities stay.
      lengths: (m,) distance along the curve from its start, by chords.
      distance: between the ends, on the straight line.
      num_evaluations: evaluations of the loss.
    """

    ts: np.ndarray
    losses: np.ndarray
    lengths: np.ndarray
    distance: float
    num_evaluations: int

    @property
    def above_mean(self) -> float:
        """Largest loss less the mean of both ends, the barrier of claim C14.

        Between ends of different loss it is positive (half their difference) even on a path that only falls.
        """
        return float(np.max(self.losses) - (self.losses[0] + self.losses[-1]) / 2)

    @property
    def above_chord(self) -> float:
        """Largest excess over the ends' interpolation (1 - t) L(0) + t L(1) (Entezari et al. 2022).

        Never negative, and 0 where the loss is convex along the curve.
        """
        chord = (1 - self.ts) * self.losses[0] + self.ts * self.losses[-1]
        chord[[0, -1]] = self.losses[[0, -1]]
        return float(np.max(self.losses - chord))

    @property
    def peak(self) -> float:
        """The t of the largest loss."""
        return float(self.ts[np.argmax(self.losses)])

    @property
    def resolution(self) -> float:
        """How much higher parabolas through three neighbouring points peak than the points themselves."""
        # Of those whose top lies between the outer two points.
        left, right = np.diff(self.losses)[:-1], np.diff(self.losses)[1:]
        bend, tilt = right - left, left + right
        inside = (bend < 0) & (np.abs(tilt) <= -2 * bend)
        tops = self.losses[1:-1][inside] - tilt[inside] ** 2 / (8 * bend[inside])
        return float(np.maximum(np.max(tops, initial=-np.inf) - np.max(self.losses), 0.0))

    @property
    def detour(self) -> float:
        """Length of the curve by the distance of its ends."""
        return float(self.lengths[-1]) / self.distance if self.distance else float("nan")

    def __str__(self) -> str:
        return (
            f"Barrier {self.above_mean:.4g} (+{self.resolution:.1g}) above the mean of the ends, "
            f"{self.above_chord:.4g} above the line between their losses, at t = {self.peak:.3g} of "
            f"{len(self.ts)} points"
        )


def barrier_along(
    loss: Loss,
    curve: Curve,
    batch: Any = None,
    *,
    num_points: int = 25,
    at: Callable[[Any], Loss] | None = None,
) -> Barrier:
    """Evaluates the loss along a curve.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      curve: from `fit_curve`, `nudged_elastic_band` or `Curve`.
      batch: pytree handed to the loss.
      num_points: points at equal steps of t, both ends included.
      at: at(params) -> the loss to take at these parameters, in place of `loss`: one whose running
        statistics were estimated again there. Without that, networks with batch norm have barriers that
        belong to stale statistics (Jordan et al. 2023).

    Returns:
      Barrier.

    Raises:
      ValueError: if `num_points` < 3, or the loss does not return a real scalar.
    """
    check_count(num_points, "num_points", 3)
    ts = np.linspace(0, 1, num_points)
    batch = jax.tree.map(jnp.asarray, batch)
    losses = []
    if at is None:
        loss = programs.traced(loss, "loss", curve(0.0), batch)
    for t in ts:
        point = curve(float(t))
        here = loss if at is None else programs.traced(at(point), "at(params)", point, batch)
        if not losses:
            checks.check_loss(here, point, batch)
        losses.append(float(evaluate(here, point, batch)))
    distance = float(curves.lengths(curve, ts[[0, -1]])[-1])
    return Barrier(ts, np.array(losses), curves.lengths(curve, ts), distance, num_points)


@accepts(start=as_params, end=as_params, batch=as_arrays)
def linear_barrier(
    loss: Loss,
    start: Any,
    end: Any,
    batch: Any = None,
    *,
    num_points: int = 25,
    at: Callable[[Any], Loss] | None = None,
) -> Barrier:
    """Evaluates the loss on the straight line between two networks.

    Frankle et al. (2020); between networks of different seeds the barrier is mostly the order of
    their units, see `match_weights`.

    Args:
      loss: as `barrier_along`.
      start: parameters, pytree.
      end: parameters of the same structure.
      batch: pytree handed to the loss.
      num_points: points at equal distances, both ends included.
      at: as `barrier_along`.

    Returns:
      Barrier; its values at the ends are those of the networks themselves.

    Raises:
      ValueError: as `barrier_along`, or if the ends differ in structure or shape or are not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import linear_barrier
      >>> well = lambda w, batch: (w[0] ** 2 - 1) ** 2
      >>> linear_barrier(well, -jnp.ones(1), jnp.ones(1)).above_mean
      1.0
    """
    return barrier_along(loss, curves.straight(start, end), batch, num_points=num_points, at=at)

"""The path of least loss between two networks, by a nudged elastic band."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_same
from lsgeo.geometry.connectivity import curves
from lsgeo.geometry.connectivity.barriers import Barrier, Loss, barrier_along
from lsgeo.geometry.connectivity.curves import Curve
from lsgeo.geometry.dynamics._updates import jit_for_each, updated
from lsgeo.operators import checks

_RISE = 0.2  # a gap gets a pivot where the loss rises by this share of the band's whole range


@trees.frozen
class ElasticBand:
    """A relaxed chain of networks; see `nudged_elastic_band`.

    Attributes:
      curve: the chain, polygonal.
      barrier: the loss along it, between the pivots too.
      forces: (pivots,) norm of the gradient across the band at each inner pivot, 0 on a path of least loss,
        before the last step.
      num_gradients: gradients of the loss.
      num_evaluations: further evaluations of the loss, those of the barrier included.
    """

    curve: Curve
    barrier: Barrier
    forces: np.ndarray
    num_gradients: int
    num_evaluations: int

    def __str__(self) -> str:
        return (
            f"ElasticBand of {self.curve.num_points} points, forces up to {np.max(self.forces):.2g}, "
            f"{self.num_gradients} gradients, {self.barrier.detour:.3g} times as long as the segment: "
            f"{self.barrier}"
        )


@accepts(start=as_params, end=as_params, batch=as_arrays)
def nudged_elastic_band(
    loss: Loss,
    start: Any,
    end: Any,
    batch: Any = None,
    *,
    optimizer: optax.GradientTransformation,
    num_pivots: int = 7,
    num_steps: int = 200,
    num_cycles: int = 1,
    per_gap: int = 4,
    curve: Curve | None = None,
    at: Callable[[Any], Loss] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ElasticBand:
    """Relaxes a chain of networks between two of them to a path of least loss.

    Draxler et al. (2018) after Jonsson, Mills and Jacobsen (1998): each pivot moves down the gradient
    without its part along the band, whose direction is that to the neighbour of higher loss. In place of
    springs, the pivots are put back at their shares of the band's length after every step, which is the
    limit of stiff springs (and the string method of E, Ren and Vanden-Eijnden 2007). With several cycles
    a pivot is put in the middle of every gap where the loss rises over the pivots' interpolation by more
    than 0.2 of its range along the band, as in their AutoNEB. The gradient is that of the whole batch.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      start: parameters, pytree.
      end: parameters of the same structure.
      batch: pytree handed to the loss.
      optimizer: any optax optimiser, learning rate included; it gets the gradients across the band.
      num_pivots: networks between the ends at first.
      num_steps: steps of a cycle; each takes one gradient per pivot.
      num_cycles: 1 keeps the pivots.
      per_gap: places in each gap where the loss is evaluated, one pivot counted.
      curve: where to start from, e.g. that of `fit_curve`; the segment if None.
      at: as `barrier_along`, for the barrier alone.
      progress: progress(steps done, steps).

    Returns:
      ElasticBand.

    Raises:
      ValueError: if a count is out of range, the ends (or those of `curve`) do not match, or the loss is no
        real scalar.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from lsgeo.geometry import nudged_elastic_band
      >>> ring = lambda w, batch: (jnp.sum(w**2) - 1) ** 2 + 0.1 * (w[1] - 1) ** 2
      >>> ends = jnp.array([-1.0, 0.0]), jnp.array([1.0, 0.0])
      >>> band = nudged_elastic_band(ring, *ends, optimizer=optax.sgd(0.1))
      >>> 1.5 < band.barrier.detour < 1.6  # half a turn: pi / 2
      True
    """
    check_count(num_pivots, "num_pivots")
    check_count(num_steps, "num_steps")
    check_count(num_cycles, "num_cycles")
    check_count(per_gap, "per_gap")
    batch = jax.tree.map(jnp.asarray, batch)
    function = programs.traced(loss, "loss", start, batch)
    band = _first_band(start, end, curve, num_pivots)
    checks.check_loss(function, start, batch)
    shares = np.linspace(0, 1, num_pivots + 2)
    num_gradients, num_evaluations = 0, 0
    for cycle in range(num_cycles):
        report = None
        if progress is not None:
            report = lambda done, c=cycle: progress(c * num_steps + done, num_cycles * num_steps)  # noqa: E731
        band, forces = _relax(function, band, batch, optimizer, shares, num_steps, report)
        num_gradients += num_steps * len(forces) + 2
        last = cycle == num_cycles - 1
        points = per_gap * (band.num_points - 1) + 1
        barrier = barrier_along(
            loss, band, batch, num_points=max(points, 3), at=at if last else None
        )
        num_evaluations += barrier.num_evaluations
        if not last:
            band, shares = _refine(band, shares, barrier.losses, per_gap)
    return ElasticBand(band, barrier, forces, num_gradients, num_evaluations)


def _first_band(start, end, curve, num_pivots):
    segment = curves.straight(start, end, num_points=num_pivots + 2)
    if not curves.lengths(segment, [0, 1])[-1]:
        raise ValueError("`start` and `end` are the same point: there is no path between them.")
    if curve is None:
        return segment
    check_same(start, curve(0.0), "start", "curve")
    inner = [curve(t) for t in np.linspace(0, 1, num_pivots + 2)[1:-1]]
    return Curve(jax.tree.map(lambda *leaves: jnp.stack(leaves), start, *inner, end))


def _relax(loss, band, batch, optimizer, shares, num_steps, report):
    state = optimizer.init(_inner(band.points))
    ends = [float(_slope(loss, band, i, batch)[0]) for i in (0, band.num_points - 1)]
    for i in range(num_steps):
        values, gradients = zip(
            *(_slope(loss, band, j, batch) for j in range(1, band.num_points - 1)), strict=True
        )
        heights = jnp.stack([ends[0], *values, ends[1]])
        points, state, forces = _step(optimizer, band.points, gradients, heights, state, shares)
        band = Curve(points)
        if report is not None:
            report(i + 1)
    return band, np.asarray(forces, np.float64)


@jax.jit
def _slope(loss, band, j, batch):
    return jax.value_and_grad(loss)(jax.tree.map(lambda leaf: leaf[j], band.points), batch)


@jit_for_each()
def _step(optimizer, points, gradients, heights, state, shares):
    slopes = jax.tree.map(lambda *leaves: jnp.stack(leaves), *gradients)
    tangents = _tangents(points, heights)
    across = jax.tree.map(jnp.subtract, slopes, _scaled(tangents, _dots(slopes, tangents)))
    moved, state = updated(optimizer, across, state, _inner(points))
    return _spread(_outer(points, moved), shares), state, _norms(across)


def _tangents(points, heights):
    # To the neighbour of higher loss: on both sides of a pass the band hangs from it.
    up = heights[2:] > heights[:-2]
    ahead = jax.tree.map(lambda leaf: leaf[2:] - leaf[1:-1], points)
    behind = jax.tree.map(lambda leaf: leaf[1:-1] - leaf[:-2], points)
    chosen = jax.tree.map(lambda a, b: jnp.where(_along(up, a), a, b), ahead, behind)
    return _scaled(chosen, 1 / _norms(chosen))


def _spread(points, shares):
    # Moves the inner points along the chain to their shares of its length.
    gaps = _norms(jax.tree.map(lambda leaf: leaf[1:] - leaf[:-1], points))
    reached = jnp.concatenate([jnp.zeros(1, gaps.dtype), jnp.cumsum(gaps)])
    wanted = jnp.asarray(shares, gaps.dtype) * reached[-1]
    left = jnp.clip(jnp.searchsorted(reached, wanted, side="right") - 1, 0, len(gaps) - 1)
    part = (wanted - reached[left]) / gaps[left]
    places = jnp.arange(len(shares), dtype=left.dtype)[None, :]
    weights = jnp.where(places == left[:, None], 1 - part[:, None], 0)
    weights += jnp.where(places == left[:, None] + 1, part[:, None], 0)
    return _outer(points, _inner(curves.combine(weights, points)))


def _refine(band, shares, losses, per_gap):
    pivots = losses[::per_gap]
    rises = []
    for j in range(len(pivots) - 1):
        inside = losses[j * per_gap : (j + 1) * per_gap + 1]
        rises.append(np.max(inside - np.linspace(pivots[j], pivots[j + 1], per_gap + 1)))
    added = np.flatnonzero(np.array(rises) > _RISE * np.ptp(losses))
    ts = np.sort(np.concatenate([np.arange(len(pivots)), added + 0.5])) / (len(pivots) - 1)
    finer = [band(t) for t in ts]
    shares = np.interp(ts, np.linspace(0, 1, len(pivots)), shares)
    return Curve(jax.tree.map(lambda *leaves: jnp.stack(leaves), *finer)), shares


def _inner(points):
    return jax.tree.map(lambda leaf: leaf[1:-1], points)


def _outer(points, inner):
    return jax.tree.map(lambda p, i: jnp.concatenate([p[:1], i, p[-1:]]), points, inner)


def _dots(one, other):
    products = jax.tree.map(lambda a, b: jnp.sum((a * b).reshape(len(a), -1), axis=1), one, other)
    return sum(jax.tree.leaves(products))


def _norms(tree):
    return jnp.sqrt(_dots(tree, tree))


def _scaled(tree, factors):
    return jax.tree.map(lambda leaf: leaf * _along(factors, leaf).astype(leaf.dtype), tree)


def _along(row, leaf):
    return row.reshape(-1, *[1] * (leaf.ndim - 1))

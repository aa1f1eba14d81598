"""Curves of low loss between two networks, fitted by gradient descent on their inner control points."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key, check_one_of
from lsgeo.geometry.connectivity import curves
from lsgeo.geometry.connectivity.barriers import Barrier, Loss, barrier_along
from lsgeo.geometry.connectivity.curves import Curve
from lsgeo.geometry.dynamics._updates import jit_for_each, updated
from lsgeo.operators import checks


@trees.frozen
class FittedCurve:
    """A curve between two networks and the loss along it; see `fit_curve`.

    Attributes:
      curve: the curve.
      barrier: the loss along it.
      history: (steps,) the loss at the random point of each step, before the step.
      num_gradients: gradients of the loss that the fit took.
    """

    curve: Curve
    barrier: Barrier
    history: np.ndarray
    num_gradients: int

    def __str__(self) -> str:
        return (
            f"{self.curve}, {self.num_gradients} gradients, {self.barrier.detour:.3g} times as long as "
            f"the segment: {self.barrier}"
        )


@accepts(start=as_params, end=as_params, batch=as_arrays)
def fit_curve(
    loss: Loss,
    start: Any,
    end: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    optimizer: optax.GradientTransformation,
    num_steps: int = 1000,
    kind: str = "bezier",
    num_bends: int = 1,
    batch_size: int = 0,
    num_points: int = 25,
    at: Callable[[Any], Loss] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FittedCurve:
    """Fits a curve of low loss between two networks.

    Garipov et al. (2018, equation 2): the expected loss at a uniform point of the curve is minimised over
    the inner control points, one random point a step; the ends stay. The curve starts as the segment. Its
    highest loss bounds the lowest pass between the ends from above; that none is found does not
    mean that there is none.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples. With batch norm: in training mode.
      start: parameters, pytree.
      end: parameters of the same structure.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key of the points and the mini-batches.
      optimizer: any optax optimiser, learning rate included, such as optax.adam(1e-2).
      num_steps: updates.
      kind: "bezier" or "polygonal".
      num_bends: inner control points; one makes the quadratic Bezier curve.
      batch_size: examples of a step, drawn without repetition; 0 takes all.
      num_points: points of the barrier.
      at: as `barrier_along`, for the barrier alone.
      progress: progress(steps done, steps).

    Returns:
      FittedCurve.

    Raises:
      ValueError: if an argument is out of range, the ends do not match, or the loss is no real scalar.

    Example:
      >>> import jax, jax.numpy as jnp, optax
      >>> from lsgeo.geometry import fit_curve
      >>> ring = lambda w, batch: (jnp.sum(w**2) - 1) ** 2 + 0.1 * (w[1] - 1) ** 2
      >>> ends = jnp.array([-1.0, 0.0]), jnp.array([1.0, 0.0])
      >>> fit = fit_curve(ring, *ends, key=jax.random.key(0), optimizer=optax.adam(0.05), num_steps=200)
      >>> fit.barrier.above_mean < 0.05
      True
    """
    check_key(key)
    check_one_of(kind, "kind", curves.KINDS)
    check_count(num_bends, "num_bends")
    check_count(num_steps, "num_steps", 0)
    check_count(num_points, "num_points", 3)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise ValueError(
            f"`optimizer` must be an optax optimiser such as optax.adam(1e-2); got {optimizer!r}."
        )
    curve = curves.straight(start, end, num_points=num_bends + 2, kind=kind)
    batch = jax.tree.map(jnp.asarray, batch)
    function = programs.traced(loss, "loss", start, batch)
    checks.check_loss(function, start, batch)
    _check_batch_size(batch_size, batch)
    bends = jax.tree.map(lambda leaf: leaf[1:-1], curve.points)
    state, history = optimizer.init(bends), []
    for i in range(num_steps):
        bends, state, value = _step(
            optimizer, batch_size, bends, state, curve, function, batch, key, np.int32(i)
        )
        history.append(value)
        if progress is not None:
            progress(i + 1, num_steps)
    curve = _with_bends(curve, bends)
    barrier = barrier_along(loss, curve, batch, num_points=num_points, at=at)
    return FittedCurve(curve, barrier, np.array(history, np.float64), num_steps)


@jit_for_each(2)
def _step(optimizer, batch_size, bends, state, curve, loss, batch, key, i):
    key = jax.random.fold_in(key, i)
    t = jax.random.uniform(key, (), trees.space_of(bends).dtype)
    part = _draw(batch, batch_size, jax.random.fold_in(key, 1))

    def at_t(bends):
        return loss(_with_bends(curve, bends)(t), part)

    value, gradient = jax.value_and_grad(at_t)(bends)
    return *updated(optimizer, gradient, state, bends), value


def _with_bends(curve, bends):
    def whole(leaf, inner):
        return jnp.concatenate([leaf[:1], inner, leaf[-1:]])

    return dataclasses.replace(curve, points=jax.tree.map(whole, curve.points, bends))


def _draw(batch, batch_size, key):
    if not batch_size:
        return batch
    num_examples = jax.tree.leaves(batch)[0].shape[0]
    chosen = jax.random.choice(key, num_examples, (batch_size,), replace=False)
    return jax.tree.map(lambda leaf: leaf[chosen], batch)


def _check_batch_size(batch_size, batch):
    check_count(batch_size, "batch_size", 0)
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(batch)}
    if batch_size and (len(sizes) != 1 or not 0 < batch_size <= max(sizes.pop(), default=0)):
        raise ValueError(
            f"`batch_size` is {batch_size}, but the leaves of `batch` do not have so many examples on a "
            "common leading axis. Take fewer, or 0 for all of them."
        )

"""The gradient flow dw/dt = -grad L(w), integrated with an estimate of the error."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays
from lsgeo.checks import check_count, check_fraction

GROWTH = (0.2, 4.0)  # of the step size from one step to the next
SAFETY = 0.9
COARSE, FINE = 4, 6  # gradients of one step, and of two halves


@trees.frozen
class FlowState:
    """A point of the gradient flow; see `follow_flow`.

    Attributes:
      time: in units of learning rate x steps.
      params: the flow there.
      coarse: the same, integrated with steps twice as long.
      step_size: that the next step of `coarse` tries; 0 where none was made, NaN where none is short enough.
      num_gradients: the cost so far.
    """

    time: float
    params: Any
    coarse: Any
    step_size: float
    num_gradients: int

    @property
    def error(self) -> float:
        """Distance of the two: an estimate of the error of `coarse`, and more than that of `params`."""
        return float(between(self.params, self.coarse))


@accepts(batch=as_arrays)
def follow_flow(
    loss: Callable[[Any, Any], jax.Array],
    start: Any,
    batch: Any = None,
    *,
    until: float,
    tol: float = 1e-3,
    max_gradients: int = 100_000,
) -> FlowState:
    """Integrates the gradient flow up to a time.

    The embedded pair of orders 2 and 3 of Bogacki and Shampine (1989) chooses the steps; the flow is
    integrated along them twice, once with every step in two halves. They are explicit: a step is no longer
    than about 2.5 / sharpness (Cohen et al. 2021 make theirs 1 / sharpness), which decides over the cost.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      start: pytree of floating-point arrays to start from at time 0, or the FlowState to go on from.
      batch: pytree handed to the loss.
      until: time to reach, in units of learning rate x steps; not before the start's.
      tol: error of a step, relative to its length, but for the rounding of the parameters.
      max_gradients: gradients, over all of the flow, after which it stops where it is.

    Returns:
      FlowState, whose `time` is `until` unless the gradients did not last, or the flow left the numbers.

    Raises:
      ValueError: for a number out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import follow_flow
      >>> state = follow_flow(lambda w, _: 0.5 * jnp.sum(w**2), jnp.ones(1), until=1.0)
      >>> round(float(state.params[0]), 3)
      0.368
    """
    check_fraction(tol, "tol")
    check_count(max_gradients, "max_gradients")
    state = start
    if not isinstance(start, FlowState):
        trees.check_finite(start, "start")
        state = FlowState(0.0, start, start, 0.0, 0)
    if not np.isfinite(until) or until < state.time:
        raise ValueError(
            f"`until` must be finite and not before the flow's time, {state.time:.6g}; got {until!r}."
        )
    loss = programs.traced(loss, "loss", state.params, batch)
    while state.time < until and state.num_gradients + COARSE + FINE <= max_gradients:
        if np.isnan(state.step_size):
            break
        state = _advance(loss, state, batch, until, tol)
    return state


def _advance(loss, state, batch, until, tol):
    left = until - state.time
    wanted = state.step_size or left / 100
    last = left <= wanted
    size = left if last else wanted
    coarse, slopes = _third_order(loss, state.coarse, batch, size)
    error, moved, rounding = _judged(loss, state.coarse, coarse, slopes, batch, size)
    allowed = tol * float(moved) + float(rounding)
    excess = float(error) / allowed if allowed > 0 else float(error > 0)
    # The error is of third order in the step and what is allowed of first.
    factor = SAFETY * excess**-0.5 if excess > 0 else GROWTH[1]
    factor = float(np.clip(factor, *GROWTH)) if np.isfinite(excess) else GROWTH[0]
    cost = state.num_gradients + COARSE
    if not excess <= 1:
        shorter = size * min(factor, SAFETY)
        stuck = state.time + shorter == state.time
        return dataclasses.replace(
            state, step_size=np.nan if stuck else shorter, num_gradients=cost
        )
    half, _ = _third_order(loss, state.params, batch, size / 2)
    fine, _ = _third_order(loss, half, batch, size / 2)
    # A step cut short by `until` says little on how long the next may be.
    longest = max(state.step_size, size * factor) if last else size * factor
    return FlowState(until if last else state.time + size, fine, coarse, longest, cost + FINE)


@jax.jit
def _third_order(loss, w, batch, size):
    gradient = jax.grad(loss)
    first = gradient(w, batch)
    second = gradient(_moved(w, size / 2, (1, first)), batch)
    third = gradient(_moved(w, size * 3 / 4, (1, second)), batch)
    slopes = (first, second, third)
    return _moved(w, size / 9, *zip((2, 3, 4), slopes, strict=True)), slopes


@jax.jit
def _judged(loss, before, after, slopes, batch, size):
    # Against the embedded rule of second order, which takes the slope at the end, too.
    slopes = (*slopes, jax.grad(loss)(after, batch))
    zero = jax.tree.map(jnp.zeros_like, before)
    error = _moved(zero, size / 72, *zip((-5, 6, 8, -9), slopes, strict=True))
    moved = jax.tree.map(jnp.subtract, after, before)
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(before))
    return trees.norm(error), trees.norm(moved), 4 * eps * trees.norm(before)


def _moved(w, size, *parts):
    def leaf(x, *slopes):
        total = sum(weight * slope for (weight, _), slope in zip(parts, slopes, strict=True))
        return x - (size * total).astype(x.dtype)

    return jax.tree.map(leaf, w, *(slope for _, slope in parts))


@jax.jit
def between(a: Any, b: Any) -> jax.Array:
    """Euclidean distance of two pytrees."""
    return trees.norm(jax.tree.map(jnp.subtract, a, b))

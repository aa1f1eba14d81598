"""The gradient flow dw/dt = -grad L(w), integrated with an estimate of the error."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.spectra.arguments import check_count, check_fraction

GROWTH = (0.2, 4.0)  # of the step size from one step to the next
SAFETY = 0.9
COST = 10  # gradients of one step: four of the coarse one and twice three of the fine one


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
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
    state = start if isinstance(start, FlowState) else _at_rest(start)
    if not np.isfinite(until) or until < state.time:
        raise ValueError(
            f"`until` must be finite and not before the flow's time, {state.time:.6g}; got {until!r}."
        )
    loss = trees.as_pytree(loss, "loss")
    while state.time < until and state.num_gradients + COST <= max_gradients:
        if np.isnan(state.step_size):
            break
        state = _advance(loss, state, batch, until, tol)
    return state


def _at_rest(params):
    trees.check_finite(params, "start")
    return FlowState(0.0, params, params, 0.0, 0)


def _advance(loss, state, batch, until, tol):
    left = until - state.time
    wanted = state.step_size or left / 100
    last = left <= wanted
    size = left if last else wanted
    fine, coarse, error, moved, rounding = _step(loss, state.params, state.coarse, batch, size)
    allowed = tol * float(moved) + float(rounding)
    excess = float(error) / allowed if allowed > 0 else float(error > 0)
    # The error is of third order in the step and what is allowed of first.
    factor = SAFETY * excess**-0.5 if excess > 0 else GROWTH[1]
    factor = float(np.clip(factor, *GROWTH)) if np.isfinite(excess) else GROWTH[0]
    cost = state.num_gradients + COST
    if not excess <= 1:
        shorter = size * min(factor, SAFETY)
        stuck = state.time + shorter == state.time
        return dataclasses.replace(
            state, step_size=np.nan if stuck else shorter, num_gradients=cost
        )
    # A step cut short by `until` says little on how long the next may be.
    longest = max(state.step_size, size * factor) if last else size * factor
    return FlowState(until if last else state.time + size, fine, coarse, longest, cost)


@jax.jit
def _step(loss, params, coarse, batch, size):
    gradient = jax.grad(loss)

    def move(w, *parts):
        def leaf(x, *slopes):
            total = sum(c * s for (c, _), s in zip(parts, slopes, strict=True))
            return x - (size * total).astype(x.dtype)

        return jax.tree.map(leaf, w, *(slope for _, slope in parts))

    def pair(w, share, embedded):
        first = gradient(w, batch)
        second = gradient(move(w, (share / 2, first)), batch)
        third = gradient(move(w, (share * 3 / 4, second)), batch)
        after = move(w, (share * 2 / 9, first), (share / 3, second), (share * 4 / 9, third))
        if not embedded:
            return after, None
        fourth = gradient(after, batch)
        weights = (-5 / 72, 1 / 12, 1 / 9, -1 / 8)
        slopes = (first, second, third, fourth)
        zero = jax.tree.map(jnp.zeros_like, w)
        return after, move(zero, *((share * c, s) for c, s in zip(weights, slopes, strict=True)))

    further, error = pair(coarse, 1.0, True)
    fine, _ = pair(pair(params, 0.5, False)[0], 0.5, False)
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(params))
    moved = jax.tree.map(jnp.subtract, further, coarse)
    return fine, further, trees.norm(error), trees.norm(moved), 4 * eps * trees.norm(coarse)


@jax.jit
def between(a: Any, b: Any) -> jax.Array:
    """Euclidean distance of two pytrees."""
    return trees.norm(jax.tree.map(jnp.subtract, a, b))

"""Full-batch training with any Optax optimiser, stopped at every k-th step to be looked at."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_positive
from lsgeo.geometry.dynamics._updates import jit_for_each, updated
from lsgeo.operators.evaluation import evaluate

Optimizer = Callable[[float], optax.GradientTransformation]


@trees.frozen
class DescentState:
    """Where full-batch training stands; see `descend`.

    Attributes:
      step: updates made.
      params: parameters after them.
      opt_state: the optimiser's state after them.
      loss: at params.
      losses: (steps since the state before,) the loss before each of these updates.
      diverged: whether a parameter is not finite, or the loss so large that its square is not.
    """

    step: int
    params: Any
    opt_state: Any
    loss: float
    losses: np.ndarray
    diverged: bool


@accepts(params=as_params, batch=as_arrays)
def descend(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    optimizer: Optimizer = optax.sgd,
    learning_rate: float,
    num_steps: int,
    every: int = 1,
    start: DescentState | None = None,
) -> Iterator[DescentState]:
    """Trains on the full batch and yields the state at step 0, at every `every`-th step and at the last.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays, where training starts.
      batch: pytree handed to the loss at every step.
      optimizer: optimizer(learning_rate) -> optax.GradientTransformation, such as `optax.sgd`,
        `functools.partial(optax.sgd, momentum=0.9)` or `optax.adam`. Its learning rate is traced: runs that
        differ in it alone share one compiled step, as long as they are given the same function.
      learning_rate: positive.
      num_steps: updates at most; after a state that diverged there are none.
      every: updates between two states.
      start: state to go on from, which is not yielded again; the steps are those of an uninterrupted run.

    Returns:
      An iterator of DescentState.

    Raises:
      ValueError: for a number out of range.
    """
    check_positive(learning_rate, "learning_rate")
    check_count(num_steps, "num_steps", 0)
    check_count(every, "every")
    space = trees.space_of(params)
    if start is None:
        trees.check_finite(params, "params")
    rate = jnp.asarray(learning_rate, space.dtype)
    loss = programs.traced(loss, "loss", params, batch)
    return _states(optimizer, loss, params, batch, rate, num_steps, every, start)


def _states(optimizer, loss, params, batch, rate, num_steps, every, start):
    state = start
    if state is None:
        opt_state = init(optimizer, params, rate)
        state = _state(loss, 0, params, opt_state, batch, [])
        yield state
    while state.step < num_steps and not state.diverged:
        count = min(every - state.step % every, num_steps - state.step)
        state = _advance(optimizer, loss, state, batch, rate, count)
        yield state


def _advance(optimizer, loss, state, batch, rate, count):
    params, opt_state, losses = state.params, state.opt_state, []
    # On the host: a convolution in a compiled loop is slow on CPU.
    for _ in range(count):
        params, opt_state, value = update(optimizer, loss, params, opt_state, batch, rate)
        losses.append(value)
    return _state(loss, state.step + count, params, opt_state, batch, losses)


def _state(loss, step, params, opt_state, batch, losses):
    value = evaluate(loss, params, batch)
    largest = np.sqrt(float(jnp.finfo(value.dtype).max))
    value = float(value)
    diverged = not (abs(value) < largest and bool(_finite(params)))
    return DescentState(step, params, opt_state, value, np.asarray(losses, np.float64), diverged)


@jit_for_each()
def init(optimizer: Optimizer, params: Any, rate: jax.Array) -> Any:
    """Returns the optimiser's state before the first step."""
    return optimizer(rate).init(params)


@jit_for_each()
def update(
    optimizer: Optimizer, loss: Callable, params: Any, opt_state: Any, batch: Any, rate: jax.Array
) -> tuple[Any, Any, jax.Array]:
    """Makes one step: (parameters, state, loss before it)."""
    value, gradient = jax.value_and_grad(loss)(params, batch)
    return *updated(optimizer(rate), gradient, opt_state, params), value


@jax.jit
def _finite(params):
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(params)]))

"""The training loop: a host loop over one jitted update, with the exact loss of every snapshot.

With the full batch the loss that the update computes is the training loss itself, so that each
step is checked against the loss levels at no extra cost. The check of step t runs while step t + 1
is computed: the device never waits for the host. With mini-batches the loss on all examples is
measured every `eval_every` steps, and only there.
"""

import collections
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.training.recipes import Recipe
from lsgeo.training.steps import epoch_order, init_optimizer, update_function

PyTree = Any
LAG = 2  # Updates in flight before the oldest one's loss is read.


@dataclasses.dataclass
class State:
    """Where training stands: all that is needed to go on from here, bit for bit.

    Attributes:
      params: parameters after `step` updates.
      opt_state: the optimiser's state after `step` updates.
      step: updates made.
      reached: the step at which each level of `Recipe.levels` was first met; -1 for not yet.
    """

    params: PyTree
    opt_state: PyTree
    step: int
    reached: list[int]


class Observer:
    """What a caller of `fit` may follow; each method does nothing unless overridden."""

    def on_loss(self, step: int, loss: float) -> None:
        """Hears the training loss of every `eval_every`-th step and of the last one."""

    def on_snapshot(self, name: str, step: int, loss: float, params: PyTree) -> None:
        """Hears of the parameters "init", "loss_LEVEL" and "end", with their training loss."""

    def on_state(self, state: State) -> None:
        """Hears of a resume state, once every earlier loss and snapshot has been reported."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """The result of `fit`.

    Attributes:
      params: the last parameters with a finite measured loss.
      status: "stopped" (reached `stop_loss`), "trained" (made all steps) or "diverged" (the loss
        of step `step` was not finite).
      step: the step at which it ended.
      loss: the training loss there.
      reached: first step at which each level of `Recipe.levels` was met; -1 where it never was.
    """

    params: PyTree
    status: str
    step: int
    loss: float
    reached: tuple[int, ...]

    def __str__(self) -> str:
        """One line: status, step and loss."""
        return f"{self.status} at step {self.step}, training loss {self.loss:.4g}"


def start(params: PyTree, recipe: Recipe) -> State:
    """Returns the state before the first update."""
    params = jax.tree.map(jnp.asarray, params)
    opt_state = init_optimizer(recipe.optimizer, params)
    return State(params, opt_state, 0, [-1] * len(recipe.levels))


def fit(
    loss: Callable[[PyTree, PyTree], jax.Array],
    state: State,
    data: PyTree,
    recipe: Recipe,
    *,
    key: jax.Array,
    evaluate: Callable[[PyTree], float] | None = None,
    observer: Observer | None = None,
) -> Fit:
    """Trains until the recipe's end, `stop_loss`, or divergence.

    Args:
      loss: training loss(params, batch) -> scalar, a mean over examples. A pytree that is called
        shares its compiled update with others of its structure, a plain function with itself.
      state: from `start`, or a resume state; its `opt_state` is used up.
      data: batch of all training examples, examples on the leading axis.
      recipe: Recipe.
      key: typed random key of the order of the examples; unused with the full batch.
      evaluate: evaluate(params) -> the training loss on all examples, which mini-batches need.
        With the full batch, None takes the loss of the update itself.
      observer: hears of losses, snapshots and resume states.

    Returns:
      Fit.

    Raises:
      ValueError: if the batch is larger than the data, or mini-batches come without `evaluate`.
    """
    num_examples = jax.tree.leaves(data)[0].shape[0]
    recipe.check_size(num_examples)
    if recipe.batch_size and evaluate is None:
        raise ValueError(
            "`evaluate` is missing: with mini-batches the loss on all training examples has to be "
            "measured. Pass a function of the parameters that returns it."
        )
    if jax.tree_util.all_leaves([loss]):
        loss = jax.tree_util.Partial(loss)
    judge = _Judge(recipe, state, observer or Observer())
    update = _update(loss, jax.tree.map(jnp.asarray, data), recipe, num_examples, key, state.params)
    for event in _events(update, state, recipe, evaluate):
        if isinstance(event, State):
            judge.observer.on_state(dataclasses.replace(event, reached=list(judge.reached)))
        elif judge.ends(*event):
            break
    return judge.result()


def _update(loss, data, recipe, num_examples, key, params):
    # A function of a state that returns the next one and the loss before the step.
    compiled = update_function(recipe.optimizer, recipe.batch_size)
    learning_rate = jnp.asarray(recipe.learning_rate, jax.tree.leaves(params)[0].dtype)
    orders = functools.lru_cache(1)(lambda epoch: epoch_order(key, num_examples, np.int32(epoch)))
    per_epoch = num_examples // recipe.batch_size if recipe.batch_size else 0

    def update(state):
        order = start = None
        if per_epoch:
            epoch, position = divmod(state.step, per_epoch)
            order, start = orders(epoch), np.int32(position * recipe.batch_size)
        params, opt_state, value = compiled(
            state.params, state.opt_state, loss, data, learning_rate, order, start
        )
        return State(params, opt_state, state.step + 1, state.reached), value

    return update


def _events(update, state, recipe, evaluate):
    # States to save, and triples (step, training loss, parameters), in the order of the steps.
    first, last = state.step, recipe.max_steps
    pending = collections.deque()
    for step in range(first, last + 1):
        if recipe.save_every and step % recipe.save_every == 0 and step > first:
            yield from _read(pending, 0)
            yield state
        if evaluate is not None and (step % recipe.eval_every == 0 or step == last):
            yield step, float(evaluate(state.params)), state.params
        if evaluate is not None and step == last:
            return
        params = state.params
        state, value = update(state)
        if evaluate is None:
            pending.append((step, value, params))
            yield from _read(pending, LAG)
    yield from _read(pending, 0)


def _read(pending, keep):
    while len(pending) > keep:
        step, value, params = pending.popleft()
        yield step, float(value), params


class _Judge:
    """Hears every measured loss in order, reports snapshots, and says when to end."""

    def __init__(self, recipe, state, observer):
        self.recipe, self.observer = recipe, observer
        self.reached = list(state.reached)
        self.end = ("trained", state.step, math.nan, state.params)

    def ends(self, step, loss, params):
        if step == 0:
            self.observer.on_snapshot("init", step, loss, params)
        status = self._status(step, loss)
        if status or step % self.recipe.eval_every == 0:
            self.observer.on_loss(step, loss)
        if status == "diverged":
            self.end = (status, step, loss, self.end[-1])
            return True
        for i, level in enumerate(self.recipe.levels):
            if self.reached[i] < 0 and loss <= level:
                self.reached[i] = step
                self.observer.on_snapshot(f"loss_{level}", step, loss, params)
        self.end = (status, step, loss, params)
        if status:
            self.observer.on_snapshot("end", step, loss, params)
        return bool(status)

    def _status(self, step, loss):
        if not math.isfinite(loss):
            return "diverged"
        if self.recipe.stop_loss and loss <= self.recipe.stop_loss:
            return "stopped"
        return "trained" if step == self.recipe.max_steps else ""

    def result(self):
        status, step, loss, params = self.end
        return Fit(params, status, step, loss, tuple(self.reached))

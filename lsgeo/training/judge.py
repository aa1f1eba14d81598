"""What is kept of a training run, and when it ends."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from lsgeo.oneline import one_line
from lsgeo.trees import PyTree


@one_line
@dataclasses.dataclass
class State:
    """Where training stands: all that is needed to go on from here, bit for bit.

    Attributes:
      params: parameters after `step` updates.
      opt_state: the optimiser's state after `step` updates.
      step: updates made.
      reached: the step at which each level of `Recipe.levels` was first met; -1 for not yet.
      average: the moving average of the parameters, or None.
    """

    params: PyTree
    opt_state: PyTree
    step: int
    reached: list[int]
    average: PyTree = None


class Observer:
    """What a caller of `fit` may follow; each method does nothing unless overridden."""

    def on_loss(self, step: int, loss: float) -> None:
        """Hears the training loss of every `eval_every`-th step and of the last one."""

    def on_snapshot(self, name: str, step: int, loss: float, params: PyTree) -> None:
        """Hears of the parameters of `Recipe.snapshot_names`, with their training loss."""

    def on_state(self, state: State) -> None:
        """Hears of a resume state, once every earlier loss and snapshot has been reported."""


@one_line
@dataclasses.dataclass(frozen=True)
class Fit:
    """The result of `fit`.

    Attributes:
      params: the last parameters with a finite measured loss.
      status: "stopped" (reached `stop_loss`), "trained" (made all steps) or "diverged" (the loss
        of step `step` was not finite: it failed to train).
      step: the step at which it ended.
      loss: the training loss there; with mini-batches, of a run that diverged, that of the step's batch.
      reached: first step at which each level of `Recipe.levels` was met; -1 where it never was.
      average: the moving average of the parameters, or None without one or after divergence.
      learning_rate: that of the last update before `step`; NaN before the first.
    """

    params: PyTree
    status: str
    step: int
    loss: float
    reached: tuple[int, ...]
    average: PyTree = None
    learning_rate: float = math.nan

    def __str__(self) -> str:
        """One line: status, step and loss; of a run that failed to train also the learning rate."""
        text = f"{self.status} at step {self.step}, training loss {self.loss:.4g}"
        if self.status != "diverged":
            return text
        return f"{text}: failed to train, at learning rate {self.learning_rate:.4g}"


class Judge:
    """Hears every loss in order, reports losses and snapshots, and says when to end."""

    def __init__(self, recipe: Any, state: State, observer: Observer, num_examples: int):
        self.recipe, self.observer = recipe, observer
        self.reached = list(state.reached)
        per_epoch = num_examples // recipe.batch_size if recipe.batch_size else 1
        self._snapshots = {step: f"step_{step}" for step in recipe.snapshot_steps}
        self._epochs = {epoch * per_epoch: f"epoch_{epoch}" for epoch in recipe.snapshot_epochs}
        self._end = ("trained", state.step, math.nan, state)

    def measures(self, step: int) -> bool:
        """Whether the loss on all training examples is wanted at a step."""
        last = self.recipe.max_steps
        wanted = step in self._snapshots or step in self._epochs or step == last
        return wanted or step % self.recipe.eval_every == 0

    def ends(self, state: State, loss: float, is_measured: bool) -> bool:
        """Hears the loss of a step, on all training examples or not, and says whether it is the last."""
        step, finite = state.step, math.isfinite(loss)
        if step == 0 and (is_measured or not finite):
            self._keep("init", state, loss)
        if not finite:
            self.observer.on_loss(step, loss)
            self._end = ("diverged", step, loss, self._end[-1])
            return True
        if not is_measured:
            return False
        status = "trained" if step == self.recipe.max_steps else ""
        if self.recipe.stop_loss and loss <= self.recipe.stop_loss:
            status = "stopped"
        if status or step % self.recipe.eval_every == 0:
            self.observer.on_loss(step, loss)
        for names in (self._snapshots, self._epochs):
            if step in names:
                self._keep(names[step], state, loss)
        for i, level in enumerate(self.recipe.levels):
            if self.reached[i] < 0 and loss <= level:
                self.reached[i] = step
                self._keep(f"loss_{level}", state, loss)
        self._end = (status, step, loss, state)
        if status:
            self._keep("end", state, loss)
        return bool(status)

    def result(self, measure: Callable[[PyTree, int], float]) -> Fit:
        """Returns the result; `measure` gives the training loss of parameters at a step."""
        status, step, loss, state = self._end
        average = None if status == "diverged" else state.average
        if average is not None:
            value = float(measure(average, step))
            self.observer.on_snapshot("average", step, value, average)
        rate = float(self.recipe.rates()[step - 1]) if step else math.nan
        return Fit(state.params, status, step, loss, tuple(self.reached), average, rate)

    def _keep(self, name, state, loss):
        self.observer.on_snapshot(name, state.step, loss, state.params)

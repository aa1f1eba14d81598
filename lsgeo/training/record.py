"""Training into a run's directory: metrics, checkpoints, resume states."""

from collections.abc import Callable
from typing import Any

import jax

from lsgeo.runs import Run
from lsgeo.training import storage
from lsgeo.training._events import Events
from lsgeo.training.judge import Fit, Observer
from lsgeo.training.loop import Loss, fit, start
from lsgeo.training.recipes.recipe import Recipe
from lsgeo.trees import PyTree

Progress = Callable[[int, int, str], None]


def fit_run(
    run: Run,
    loss: Loss,
    params: PyTree,
    data: PyTree,
    recipe: Recipe,
    *,
    key: jax.Array,
    constants: Callable[[PyTree], dict[str, PyTree]] | None = None,
    save_checkpoints: bool = True,
    progress: Progress | None = None,
    tensorboard: bool = False,
    **options: Any,
) -> Fit:
    """Trains like `fit`, from the newest resume state of the run if it has one.

    A run that was killed and continues ends with the same bits as one that was not.

    Args:
      run: from `lsgeo.runs.open_run`.
      loss: as in `fit`.
      params: initial parameters.
      data: as in `fit`.
      recipe: Recipe.
      key: as in `fit`.
      constants: constants(params) -> collections to store beside the parameters, such as "batch_stats".
      save_checkpoints: whether the snapshots of the recipe are written.
      progress: progress(step, max_steps, text), called at every logged loss.
      tensorboard: whether the metrics are written as TensorBoard event files too, to WORKDIR/events.
      **options: what else `fit` takes: evaluate, augment, mix, random, loss_at, devices.

    Returns:
      Fit.

    Raises:
      ValueError: as `fit`; if a resume state is of another architecture or recipe; if `tensorboard` is
        asked for and tensorboardX is not installed.
    """
    state = start(params, recipe)
    state = storage.load_state(run.path, state) or state
    run.truncate_metrics(state.step)
    events = Events(run.path, first_step=state.step) if tensorboard else None
    recorder = _Recorder(run, recipe, constants, save_checkpoints, progress, events)
    try:
        return fit(loss, state, data, recipe, key=key, observer=recorder, **options)
    finally:
        if events is not None:
            events.close()


class _Recorder(Observer):
    def __init__(self, run, recipe, constants, save_checkpoints, progress, events):
        self._run, self._recipe, self._constants = run, recipe, constants
        self._save_checkpoints, self._progress = save_checkpoints, progress
        self._events = events
        # A constant rate is in the configuration.
        self._rates = recipe.rates() if recipe.schedule != "constant" or recipe.warmup_steps else ()

    def on_loss(self, step, loss):
        record = {"step": step, "loss": loss}
        if len(self._rates):
            record["learning_rate"] = float(self._rates[min(step, len(self._rates) - 1)])
        self._run.log(record)
        if self._events is not None:
            self._events.log(record)
        if self._progress is not None:
            self._progress(step, self._recipe.max_steps, f"loss {loss:.4g}")

    def on_snapshot(self, name, step, loss, params):
        if not self._save_checkpoints:
            return
        constants = {"batch_stats": {}, **(self._constants(params) if self._constants else {})}
        storage.save_checkpoint(
            self._run.path, name, params=params, step=step, loss=loss, **constants
        )

    def on_state(self, state):
        storage.save_state(self._run.path, state)

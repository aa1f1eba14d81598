"""Training into a run's directory: metrics, checkpoints, resume states."""

from collections.abc import Callable
from typing import Any

import jax

from lsgeo.runs import Run
from lsgeo.training import storage
from lsgeo.training.loop import Fit, Observer, fit, start
from lsgeo.training.recipes import Recipe

PyTree = Any
Progress = Callable[[int, int, str], None]


def fit_run(
    run: Run,
    loss: Callable[[PyTree, PyTree], jax.Array],
    params: PyTree,
    data: PyTree,
    recipe: Recipe,
    *,
    key: jax.Array,
    evaluate: Callable[[PyTree], float] | None = None,
    constants: Callable[[PyTree], dict[str, PyTree]] | None = None,
    save_checkpoints: bool = True,
    progress: Progress | None = None,
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
      evaluate: as in `fit`.
      constants: constants(params) -> {"batch_stats": ...} to store beside the parameters.
      save_checkpoints: whether "init", "loss_LEVEL" and "end" are written.
      progress: progress(step, max_steps, text), called at every logged loss.

    Returns:
      Fit.
    """
    state = start(params, recipe)
    state = storage.load_state(run.path, state) or state
    run.truncate_metrics(state.step)
    recorder = _Recorder(run, recipe, constants, save_checkpoints, progress)
    return fit(loss, state, data, recipe, key=key, evaluate=evaluate, observer=recorder)


class _Recorder(Observer):
    def __init__(self, run, recipe, constants, save_checkpoints, progress):
        self._run, self._recipe, self._constants = run, recipe, constants
        self._save_checkpoints, self._progress = save_checkpoints, progress

    def on_loss(self, step, loss):
        self._run.log({"step": step, "loss": loss})
        if self._progress is not None:
            self._progress(step, self._recipe.max_steps, f"loss {loss:.4g}")

    def on_snapshot(self, name, step, loss, params):
        if not self._save_checkpoints:
            return
        constants = self._constants(params) if self._constants else {}
        stats = constants.get("batch_stats", {})
        storage.save_checkpoint(
            self._run.path, name, params=params, batch_stats=stats, step=step, loss=loss
        )

    def on_state(self, state):
        storage.save_state(self._run.path, state)

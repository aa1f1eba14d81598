"""Checkpoints of a run as Orbax directories, each of which appears whole or not at all.

WORKDIR/checkpoints/NAME holds {"params", "batch_stats", "step", "loss"}; WORKDIR/resume/STEP holds
the whole training state until the run ends.
"""

import functools
import os
import pathlib
import shutil
from typing import Any

import absl.logging
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from lsgeo.training.loop import State

PyTree = Any


def save_checkpoint(
    workdir: str | os.PathLike,
    name: str,
    *,
    params: PyTree,
    batch_stats: PyTree,
    step: int,
    loss: float,
) -> None:
    """Writes a checkpoint atomically, replacing an older one of that name.

    Args:
      workdir: the run's directory.
      name: "init", "loss_LEVEL" or "end".
      params: dict of parameters.
      batch_stats: dict of batch norm statistics; {} without batch norm.
      step: number of updates made.
      loss: training loss of these parameters.
    """
    tree = {"params": params, "batch_stats": batch_stats}
    tree |= {"step": np.int64(step), "loss": np.float64(loss)}
    _save(_folder(workdir) / name, tree)


def load_checkpoint(workdir: str | os.PathLike, name: str) -> dict[str, Any]:
    """Reads a checkpoint.

    Args:
      workdir: the run's directory.
      name: one of `checkpoints(workdir)`.

    Returns:
      {"params": ..., "batch_stats": ..., "step": int, "loss": float}, the arrays as JAX arrays.

    Raises:
      ValueError: if there is no such checkpoint (the text lists those there are), it is damaged,
        or a parameter is not finite (the text names the leaf).
    """
    path = _folder(workdir) / name
    if not path.is_dir():
        there = ", ".join(checkpoints(workdir)) or "none"
        raise ValueError(f"There is no checkpoint {name!r} in {workdir}; there are: {there}.")
    tree = _restore(path)
    for keys, leaf in jax.tree_util.tree_leaves_with_path(tree["params"]):
        if not np.isfinite(leaf).all():
            leaf_name = jax.tree_util.keystr(keys, simple=True, separator="/")
            raise ValueError(
                f"The parameter {leaf_name} of {path} has values that are not finite: training "
                "diverged there. Use an earlier checkpoint or a smaller learning rate."
            )
    arrays = jax.tree.map(jnp.asarray, {k: tree.get(k) or {} for k in ("params", "batch_stats")})
    return {**arrays, "step": int(tree["step"]), "loss": float(tree["loss"])}


def checkpoints(workdir: str | os.PathLike) -> list[str]:
    """Lists a run's checkpoints in the order of training: init, the loss levels, end."""
    folder = _folder(workdir)
    if not folder.is_dir():
        return []
    # Orbax writes into NAME.orbax-checkpoint-tmp... and renames it at the end.
    names = [path.name for path in folder.iterdir() if "orbax-checkpoint-tmp" not in path.name]
    return sorted(names, key=_place)


def save_state(workdir: str | os.PathLike, state: State) -> None:
    """Writes the state a killed run continues from, then deletes the older ones."""
    _save(_resume(workdir) / str(state.step), _pack(state))
    for path in _resume(workdir).iterdir():
        if path.name != str(state.step):
            shutil.rmtree(path)


def load_state(workdir: str | os.PathLike, like: State) -> State | None:
    """Reads the newest resume state, or None where there is none.

    Args:
      workdir: the run's directory.
      like: a state of the same run, for the structure and the shapes.

    Raises:
      ValueError: if the state is damaged.
    """
    folder = _resume(workdir)
    steps = (
        [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
        if folder.is_dir()
        else []
    )
    if not steps:
        return None
    tree = _restore(folder / str(max(steps)))
    params, opt_state = _unpack(tree, like)
    step, *reached = (int(step) for step in tree["steps"])
    return State(params, opt_state, step, reached)


def delete_states(workdir: str | os.PathLike) -> None:
    """Deletes the resume states of a run that has ended."""
    shutil.rmtree(_resume(workdir), ignore_errors=True)


def _folder(workdir):
    return pathlib.Path(workdir).absolute() / "checkpoints"


def _resume(workdir):
    return pathlib.Path(workdir).absolute() / "resume"


def _place(name):
    if name.startswith("loss_"):
        return (1, -float(name.removeprefix("loss_")))
    return (0 if name == "init" else 2, 0.0)


def _pack(state):
    # Orbax takes a millisecond for each array and refuses empty ones: one array for each dtype.
    steps = np.asarray([state.step, *state.reached], np.int64)
    packed = {}
    for leaf in jax.tree.leaves((state.params, state.opt_state)):
        packed.setdefault(np.dtype(leaf.dtype).name, []).append(np.ravel(leaf))
    return {"steps": steps} | {f"all_{name}": np.concatenate(v) for name, v in packed.items()}


def _unpack(tree, like):
    leaves, treedef = jax.tree.flatten((like.params, like.opt_state))
    used = dict.fromkeys(tree, 0)
    for i, leaf in enumerate(leaves):
        name = f"all_{np.dtype(leaf.dtype).name}"
        part = tree[name][used[name] : used[name] + leaf.size]
        used[name] += leaf.size
        leaves[i] = jnp.array(part.reshape(leaf.shape))
    return jax.tree.unflatten(treedef, leaves)


@functools.cache
def _checkpointer():
    return ocp.Checkpointer(ocp.PyTreeCheckpointHandler())


def _save(path, tree):
    # Host arrays: Orbax writes them in half the time it takes for device arrays.
    tree = jax.tree.map(np.asarray, tree)
    with _Quiet():
        _checkpointer().save(path, args=ocp.args.PyTreeSave(tree), force=True)


def _restore(path):
    try:
        with _Quiet():
            return _checkpointer().restore(path, args=ocp.args.PyTreeRestore())
    except Exception as error:  # Orbax raises what its storage layers raise: no common class.
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}). Delete it and run the same command again."
        ) from error


class _Quiet:
    """Hides Orbax's progress reports, which go through absl's logger."""

    def __enter__(self):
        self._verbosity = absl.logging.get_verbosity()
        absl.logging.set_verbosity(absl.logging.ERROR)

    def __exit__(self, kind, error, trace):
        absl.logging.set_verbosity(self._verbosity)

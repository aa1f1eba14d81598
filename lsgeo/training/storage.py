"""Checkpoints of a run as Orbax directories, each of which appears whole or not at all.

WORKDIR/checkpoints/NAME holds {"params", "batch_stats", "step", "loss"}; WORKDIR/resume/STEP holds
the whole training state until the run ends. A newer checkpoint of a name takes the older one's place
once it is whole: a kill at any moment leaves one of the two.
"""

import json
import os
import pathlib
import shutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.training import _folders
from lsgeo.training.judge import State
from lsgeo.trees import PyTree


def save_checkpoint(
    workdir: str | os.PathLike,
    name: str,
    *,
    params: PyTree,
    batch_stats: PyTree,
    step: int,
    loss: float,
    **collections: PyTree,
) -> None:
    """Writes a checkpoint atomically, replacing an older one of that name.

    Args:
      workdir: the run's directory.
      name: one of `Recipe.snapshot_names`.
      params: dict of parameters.
      batch_stats: dict of batch norm statistics; {} without batch norm.
      step: number of updates made.
      loss: training loss of these parameters.
      **collections: what else the model needs beside its parameters, such as gates={...}.
    """
    tree = {"params": params, "batch_stats": batch_stats, **collections}
    tree |= {"step": np.int64(step), "loss": np.float64(loss)}
    _folders.replace(_folder(workdir) / name, tree)


def load_checkpoint(
    workdir: str | os.PathLike, name: str, *, like: PyTree | None = None
) -> dict[str, Any]:
    """Reads a checkpoint.

    Args:
      workdir: the run's directory.
      name: one of `checkpoints(workdir)`.
      like: parameters of the architecture that they are for (arrays, or `jax.ShapeDtypeStruct` from
        `jax.eval_shape`), whose names and shapes must agree; None takes what there is.

    Returns:
      {"params": ..., "batch_stats": ..., "step": int, "loss": float} and further collections, the arrays as
      JAX arrays.

    Raises:
      ValueError: if there is no such checkpoint (the text lists those there are), it is damaged,
        is of another architecture (the text names the first leaf that differs, and both shapes), or a
        parameter is not finite (the text names the leaf).
    """
    path = _folders.present(_folder(workdir) / name)
    if not path.is_dir():
        there = ", ".join(checkpoints(workdir)) or "none"
        raise ValueError(f"There is no checkpoint {name!r} in {workdir}; there are: {there}.")
    tree = _folders.restore(path)
    if like is not None:
        _refuse_other(path, _layout(tree["params"], dtypes=False), _layout(like, dtypes=False))
    for keys, leaf in jax.tree_util.tree_leaves_with_path(tree["params"]):
        if not np.isfinite(leaf).all():
            raise ValueError(
                f"The parameter {trees.path_name(keys)} of {path} has values that are not finite: training "
                "diverged there. Use an earlier checkpoint or a smaller learning rate."
            )
    step, loss = int(tree.pop("step")), float(tree.pop("loss"))
    collections = {name: part or {} for name, part in tree.items()}
    arrays = jax.tree.map(jnp.asarray, {"batch_stats": {}, **collections})
    return {**arrays, "step": step, "loss": loss}


def checkpoints(workdir: str | os.PathLike) -> list[str]:
    """Lists a run's checkpoints: init, the steps, the epochs, the loss levels, end, average."""
    folder = _folder(workdir)
    if not folder.is_dir():
        return []
    return sorted(_folders.names(folder), key=_place)


def save_state(workdir: str | os.PathLike, state: State) -> None:
    """Writes the state a killed run continues from, then deletes the older ones."""
    _folders.save(_resume(workdir) / str(state.step), _pack(state))
    for path in _resume(workdir).iterdir():
        if path.name != str(state.step):
            shutil.rmtree(path)


def load_state(workdir: str | os.PathLike, like: State) -> State | None:
    """Reads the newest resume state, or None where there is none.

    Args:
      workdir: the run's directory.
      like: a state of the same run, for the structure and the shapes.

    Raises:
      ValueError: if the state is damaged, or of another architecture or recipe than `like`; the text
        names the first leaf that differs, and what it is on both sides.
    """
    folder = _resume(workdir)
    steps = (
        [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
        if folder.is_dir()
        else []
    )
    if not steps:
        return None
    path = folder / str(max(steps))
    tree = _folders.restore(path)
    _refuse_other(path, json.loads(tree["layout"].tobytes()), _layout(_arrays(like)))
    params, opt_state, average = _unpack(tree, like)
    step, *reached = (int(step) for step in tree["steps"])
    return State(params, opt_state, step, reached, average)


def delete_states(workdir: str | os.PathLike) -> None:
    """Deletes the resume states of a run that has ended."""
    shutil.rmtree(_resume(workdir), ignore_errors=True)


def _folder(workdir):
    return pathlib.Path(workdir).absolute() / "checkpoints"


def _resume(workdir):
    return pathlib.Path(workdir).absolute() / "resume"


def _place(name):
    kind, _, value = name.partition("_")
    kinds = ("init", "step", "epoch", "loss", "end", "average")
    number = float(value) if value else 0.0
    return kinds.index(kind), -number if kind == "loss" else number


def _arrays(state):
    return {"params": state.params, "opt_state": state.opt_state, "average": state.average}


def _layout(tree, dtypes=True):
    # What each leaf is, by its path.
    flat = jax.tree_util.tree_leaves_with_path(tree)
    kinds = {path: f"{np.dtype(leaf.dtype).name} " if dtypes else "" for path, leaf in flat}
    return {trees.path_name(path): f"{kinds[path]}{list(leaf.shape)}" for path, leaf in flat}


def _refuse_other(path, there, here):
    for name in sorted(there.keys() | here.keys()):
        one, other = there.get(name, "missing"), here.get(name, "missing")
        if one != other:
            raise ValueError(
                f"{path} is of another architecture or recipe: {name} is {one} there and {other} here. "
                "Load it into the model that it was written by, or use another directory."
            )


def _pack(state):
    # Orbax takes a millisecond for each array and refuses empty ones: one array for each dtype.
    steps = np.asarray([state.step, *state.reached], np.int64)
    layout = np.frombuffer(json.dumps(_layout(_arrays(state))).encode(), np.uint8)
    packed = {}
    for leaf in jax.tree.leaves((state.params, state.opt_state, state.average)):
        packed.setdefault(np.dtype(leaf.dtype).name, []).append(np.ravel(leaf))
    joined = {f"all_{name}": np.concatenate(parts) for name, parts in packed.items()}
    return {"steps": steps, "layout": layout, **joined}


def _unpack(tree, like):
    leaves, treedef = jax.tree.flatten((like.params, like.opt_state, like.average))
    used = dict.fromkeys(tree, 0)
    for i, leaf in enumerate(leaves):
        name = f"all_{np.dtype(leaf.dtype).name}"
        part = tree[name][used[name] : used[name] + leaf.size]
        used[name] += leaf.size
        leaves[i] = jnp.array(part.reshape(leaf.shape))
    return jax.tree.unflatten(treedef, leaves)

"""Pytrees of arrays as Orbax directories, replaced so that a kill at any moment leaves a whole one."""

import functools
import pathlib
import shutil

import absl.logging
import jax
import numpy as np
import orbax.checkpoint as ocp

from lsgeo.runs import DamagedFileError
from lsgeo.trees import PyTree

_NEW, _OLD = ".new", ".old"  # Suffixes of a directory that is being replaced.


@functools.cache
def _checkpointer():
    return ocp.Checkpointer(ocp.PyTreeCheckpointHandler())


def save(path: pathlib.Path, tree: PyTree) -> None:
    """Writes a directory that appears whole or not at all; an older one is deleted first."""
    # Host arrays: Orbax writes them in half the time it takes for device arrays.
    tree = jax.tree.map(np.asarray, tree)
    with _Quiet():
        _checkpointer().save(path, args=ocp.args.PyTreeSave(tree), force=True)


def replace(path: pathlib.Path, tree: PyTree) -> None:
    """Writes like `save`; an older directory stays until the new one is whole."""
    if not path.is_dir() and not _beside(path, _OLD).is_dir():
        save(path, tree)
        return
    new, old = _beside(path, _NEW), _beside(path, _OLD)
    save(new, tree)
    if path.is_dir():
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old)


def present(path: pathlib.Path) -> pathlib.Path:
    """Finds what `replace` wrote to `path`, wherever a kill has left it."""
    # Between its two renamings the older one is there under its second name alone.
    return path if path.is_dir() or not _beside(path, _OLD).is_dir() else _beside(path, _OLD)


def names(folder: pathlib.Path) -> set[str]:
    """Names of the whole directories in a folder."""
    # Orbax writes into NAME.orbax-checkpoint-tmp... and renames it at the end.
    there = {path.name for path in folder.iterdir() if "orbax-checkpoint-tmp" not in path.name}
    return {name.removesuffix(_OLD) for name in there if not name.endswith(_NEW)}


def _beside(path, suffix):
    return path.with_name(path.name + suffix)


def restore(path: pathlib.Path) -> PyTree:
    """Reads a directory; a ValueError says that it is damaged."""
    try:
        with _Quiet():
            return _checkpointer().restore(path, args=ocp.args.PyTreeRestore())
    except Exception as error:  # Orbax raises what its storage layers raise: no common class.
        raise DamagedFileError(
            path,
            f"{path} is damaged ({type(error).__name__}). Delete it and run the same command again.",
        ) from error


class _Quiet:
    """Hides Orbax's progress reports, which go through absl's logger."""

    def __enter__(self):
        self._verbosity = absl.logging.get_verbosity()
        absl.logging.set_verbosity(absl.logging.ERROR)

    def __exit__(self, kind, error, trace):
        absl.logging.set_verbosity(self._verbosity)

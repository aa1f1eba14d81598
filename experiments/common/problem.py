"""Anyone's own model, named on the command line as package.module:function."""

import dataclasses
import functools
import hashlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


@dataclasses.dataclass(frozen=True)
class Problem:
    """A loss at one place: loss(params, batch), with its data as one batch or as batches."""

    loss: Callable[[Any, Any], jax.Array]
    params: Any
    batch: Any = None
    batches: Any = None
    count: Callable[[Any], Any] | None = (
        None  # what the loss of a batch is a mean over; None: its examples
    )
    sha256: str = ""  # of the parameters
    arm: str = "network"
    step: int = 0

    @property
    def data(self) -> dict[str, Any]:
        """The data as the operators take them: {"batch": ...} or {"batches": ..., "count": ...}."""
        if self.batches is None:
            return {"batch": self.batch}
        return {"batches": self.batches, "count": self.count}


@functools.lru_cache(1)
def load_problem(name: str) -> Problem:
    """Imports `package.module:function` and calls it.

    Args:
      name: where the function is. It takes no argument and returns (loss, params, data): a pure
        `loss(params, batch)`, a pytree of float arrays, and one batch, or a list (or another object with
        __iter__ that is no pytree node) of batches. After a list it may return a fourth thing: `count` as in
        `lsgeo.hessian`, where the loss is a mean over something else than examples.

    Raises:
      ValueError: if there is no such function, or it does not return these three or four things.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ValueError(f"`problem` must read package.module:function; got {name!r}.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"`problem` {name!r} cannot be found ({error}). Run from the folder that holds the module, or "
            "put that on PYTHONPATH."
        ) from error
    result = make()
    if not isinstance(result, tuple) or len(result) not in (3, 4):
        raise ValueError(
            f"`problem` {name!r} must return (loss, params, data); got {type(result).__name__}"
            f"{f' of {len(result)}' if isinstance(result, tuple) else ''}. `count` may follow batches."
        )
    loss, params, data, count = (*result, None)[:4]
    is_leaf = not hasattr(data, "shape") and jax.tree_util.all_leaves([data])
    streamed = isinstance(data, list) or (hasattr(data, "__iter__") and is_leaf)
    role = "batches" if streamed else "batch"
    return Problem(loss, params, **{role: data}, count=count, sha256=fingerprint(params))


def fingerprint(*trees: Any) -> str:
    """Hashes the leaves of pytrees: their paths, dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(trees):
        leaf = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        digest.update(leaf.tobytes())
    return digest.hexdigest()

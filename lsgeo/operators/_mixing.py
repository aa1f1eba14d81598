"""A warning of losses that mix examples: right at times, and of another network at others."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import draws, programs

# Relative to the losses: batch statistics change them by percents.
_TOLERANCE = 1e-3
_STEPS = (0.1, 0.5, 1.0)  # by which parameters are moved, relative to the size of each leaf
_seen: set[Any] = set()


def warn(loss: Callable, params: Any, batch: Any, name: str = "loss") -> None:
    """Warns of a loss that is no mean, weighted mean or sum over the examples of its batch.

    With a mean the loss of a batch lies at a fixed share of the way between those of its halves, whatever the
    parameters are; with a sum it is theirs, less a term that all share. Asked once for each program.

    Args:
      loss: what `programs.traced` returned, or a Partial of such functions.
      params: where.
      batch: all the data.
      name: how messages call the loss.
    """
    key = _key(loss)
    if key is None or key in _seen or programs.is_traced(loss, params, batch):
        return
    _seen.add(key)
    num = _examples(batch)
    if num < 4:
        return
    quarter = num // 4
    parts = [jax.tree.map(lambda leaf, n=n: leaf[: n * quarter], batch) for n in (4, 2, 1)]
    rest = jax.tree.map(lambda leaf: leaf[2 * quarter : 4 * quarter], batch)
    other = jax.tree.map(lambda leaf: leaf[quarter : 2 * quarter], batch)
    value = jax.jit(programs.untraced(loss))
    try:
        rows = [
            [float(value(at, part)) for part in (*parts, rest, other)]
            for at in (params, *_nearby(params))
        ]
        dtype = programs.outputs(loss, name, params, batch).dtype
    except Exception:  # It is for a batch of this size, or differs in a way that is its own.
        return
    if not np.isfinite(rows).all():
        return
    whole, head, first, tail, second = np.array(rows).T
    scale = np.abs([whole, head, tail]).max()
    tolerance = max(_TOLERANCE, np.sqrt(float(jnp.finfo(dtype).eps))) * scale
    apart = head - tail
    share = np.clip(apart @ (whole - tail) / max(apart @ apart, 1e-300), 0, 1)
    combined = tail + share * apart
    shared = (head + tail - whole) - (first + second - head)
    if min(_most(combined - whole), _most(shared)) <= tolerance:
        return
    warnings.warn(
        f"`{name}` mixes the examples of its batch: it is {whole[0]:.6g}, its halves "
        f"{head[0]:.6g} and {tail[0]:.6g}, of which it is no mean, weighted mean or sum. Likely causes: "
        "batch normalisation or "
        "dropout in training mode, whose curvature is that of this one batch. A loss between examples, such as "
        "a contrastive one, is right as it is.",
        stacklevel=4,
    )


def _key(loss):
    codes = [p.code for p in jax.tree.leaves(loss, is_leaf=_is_program) if _is_program(p)]
    return tuple(code.key for code in codes) if codes else None


def _is_program(value):
    return isinstance(value, programs.Program)


def _examples(batch):
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch)}
    return lengths.pop()[0] if len(lengths) == 1 and () not in lengths else 0


def _nearby(params):
    for seed, step in enumerate(_STEPS):
        along = draws.random_direction(params, key=jax.random.key(seed))
        yield jax.tree.map(functools.partial(_moved, step), params, along)


def _moved(step, leaf, along):
    size = jnp.sqrt(jnp.mean(jnp.square(leaf))) if leaf.size else 0
    return leaf + (step * size * along).astype(leaf.dtype)


def _most(values):
    return np.abs(values).max()

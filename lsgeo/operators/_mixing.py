"""A warning of losses that mix examples: right at times, and of another network at others."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs
from lsgeo.checks import is_key

# Relative to the losses: batch statistics change them by percents.
_TOLERANCE = 1e-3
# Examples that are looked at: of fewer, batch statistics differ the more.
_MOST = 64
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
    quarter = min(_examples(batch), _MOST) // 4
    if not quarter or any(len(leaf.sharding.device_set) > 1 for leaf in _arrays(params)):
        return
    value = jax.jit(programs.untraced(loss))
    points = [params, *_nearby(params)]

    def values(first, last):
        part = jax.tree.map(lambda leaf: _host(leaf)[first * quarter : last * quarter], batch)
        return np.array([float(value(at, part)) for at in points])

    try:
        whole, head, tail = values(0, 4), values(0, 2), values(2, 4)
        dtype = programs.outputs(loss, name, params, batch).dtype
        scale = np.abs([whole, head, tail]).max()
        tolerance = max(_TOLERANCE, np.sqrt(float(jnp.finfo(dtype).eps))) * scale
        if not np.isfinite(scale) or _is_mean(whole, head, tail, tolerance):
            return
        shared = (head + tail - whole) - (values(0, 1) + values(1, 2) - head)
    except Exception:  # It is for a batch of this size, or differs in a way that is its own.
        return
    if np.abs(shared).max() <= tolerance:
        return
    warnings.warn(
        f"`{name}` mixes the examples of its batch: {4 * quarter} of them have "
        f"{whole[0]:.6g}, their halves "
        f"{head[0]:.6g} and {tail[0]:.6g}, of which it is no mean, weighted mean or sum. Likely causes: "
        "batch normalisation or dropout in training mode, whose curvature is that of this one batch. A loss "
        "between examples, such as a contrastive one, is right as it is.",
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


def _arrays(params):
    return [leaf for leaf in jax.tree.leaves(params) if isinstance(leaf, jax.Array)]


def _host(leaf):
    return leaf if is_key(leaf) else np.asarray(leaf)


def _nearby(params):
    # By NumPy: a dozen small programs would take longer to compile than the loss.
    for seed, step in enumerate(_STEPS):
        draw = np.random.default_rng(seed)
        yield jax.tree.map(functools.partial(_moved, step, draw), params)


def _moved(step, draw, leaf):
    values = np.asarray(leaf)
    wide = values.astype(np.float64)
    size = step * np.sqrt(np.mean(np.square(wide))) if wide.size else 0.0
    return (wide + size * draw.standard_normal(wide.shape)).astype(values.dtype)


def _is_mean(whole, head, tail, tolerance):
    apart = head - tail
    share = np.clip(apart @ (whole - tail) / max(apart @ apart, 1e-300), 0, 1)
    return np.abs(tail + share * apart - whole).max() <= tolerance

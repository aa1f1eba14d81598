"""Which axes of each parameter a filter extends over: read off the computation, or said by a convention.

Flax keeps output units on the last axis of a kernel, PyTorch and Equinox on the first, and a square matrix does
not show which; so `loss` and `batch` are the way to ask. Without them a layout is taken only where its names
tell it.
"""

import re
from collections.abc import Callable
from types import EllipsisType
from typing import NamedTuple

import jax
import numpy as np

from lsgeo import trees
from lsgeo.matching import unit_axes
from lsgeo.trees import PyTree

Axes = tuple[int, ...] | None
Rule = Callable[[str], Axes | EllipsisType]

_STACK = re.compile(r"(.*_)?blocks")
_BESIDE = ("bias", "scale", "positions")
_PROJECTIONS = ("query", "key", "value")
_CONVOLUTION = re.compile(r"conv|depthwise|pointwise", re.IGNORECASE)
_TRANSPOSED = re.compile(r"transpose", re.IGNORECASE)
_EMBEDDING = re.compile(r"emb", re.IGNORECASE)
_NORM = re.compile(r"norm|^(ln|bn)_?\d*$", re.IGNORECASE)
_PARTS = re.compile(r"^weight_|_weight$")  # of recurrent cells and of attention


class Filter(NamedTuple):
    """The filters of one leaf.

    Attributes:
      axes: that one filter extends over; None if the leaf has no filters.
      stack: along which the leaf is several layers, one for each turn of a loop.
    """

    axes: Axes
    stack: tuple[int, ...] = ()


def filters_of(
    params: PyTree,
    loss: Callable | None = None,
    batch: PyTree = None,
    axes: str | Rule | None = None,
) -> tuple[Filter, ...]:
    """Finds the filters of every leaf; see `normalize_direction` for the arguments.

    Returns:
      A Filter for each leaf of params, in order.

    Raises:
      ValueError: if the filters of a leaf cannot be told, or `axes` is no convention and no rule.
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if axes is not None and not callable(axes) and axes not in CONVENTIONS:
        raise ValueError(
            f"`axes` must be one of {', '.join(CONVENTIONS)}, or a function of a leaf's path such as "
            f"'Dense_0/kernel'; got {axes!r}."
        )
    rule = axes if callable(axes) else None
    said = [_said(rule, path, leaf) for path, leaf in leaves]
    if isinstance(axes, str):
        found = CONVENTIONS[axes](leaves)
    elif all(said):
        return tuple(said)
    else:
        found = _named(leaves) if loss is None else _traced(leaves, params, loss, batch)
    for (path, leaf), own, other in zip(leaves, said, found, strict=True):
        if own is None and isinstance(other, str):
            raise ValueError(_refusal(path, leaf, other))
    return tuple(own or other for own, other in zip(said, found, strict=True))


def _said(rule, path, leaf):
    name = trees.path_name(path)
    answer = ... if rule is None else rule(name)
    if answer is ...:
        # Of what is empty nothing moves, whatever its axes are.
        return None if np.size(leaf) else Filter(None)
    rank = np.ndim(leaf)
    whole = isinstance(answer, tuple) and all(isinstance(i, int) for i in answer)
    if answer is not None and not (whole and all(-rank <= i < rank for i in answer)):
        raise ValueError(
            f"`axes` must give a tuple of axes, None for a leaf without filters, or ... for one that it says "
            f"nothing of; got {answer!r} for {name or 'the only leaf'} of shape {np.shape(leaf)}."
        )
    return Filter(None if answer is None else tuple(sorted({i % rank for i in answer})))


def _refusal(path, leaf, why):
    return (
        f"The filters of {trees.path_name(path) or 'the only leaf'}, {np.shape(leaf)}, in `params` cannot be "
        f"told: {why}. Say where they lie with `axes`: a convention ({', '.join(CONVENTIONS)}), or a "
        "function of a leaf's path that gives the axes of one filter, None for a leaf without, or ... ."
    )


def _traced(leaves, params, loss, batch):
    if not callable(loss):
        raise ValueError(f"`loss` must be callable; got {type(loss).__name__}.")
    units = unit_axes(loss, params, batch)
    return [one.unclear or Filter(one.inputs, one.stack) for one in units]


# What names tell.


def _named(leaves) -> list[Filter | str]:
    """The layout of Flax, where its names leave no doubt."""
    names, found = [_names(path) for path, _ in leaves], []
    flax = any(name in ("kernel", "embedding") for _, name in names)
    biases = {_module(path): np.shape(leaf) for path, leaf in leaves if _names(path)[1] == "bias"}
    witnesses = {_prefix(path) for path, _ in leaves if not _may_be_convolution(path)}
    for (path, leaf), stack, (parent, name) in zip(leaves, _stacks(leaves), names, strict=True):
        rank, depth = np.ndim(leaf) - len(stack), len(stack)
        bias = biases.get(_module(path), ())[depth:]
        told = (
            rank <= 1
            or name in _BESIDE
            or (name in ("kernel", "embedding") and rank == 2)
            or (name == "kernel" and _tells(parent, np.shape(leaf)[depth:], bias))
            or (flax and name != "weight" and _broadcasts(name, leaf, stack))
        ) and (not stack or _prefix(path) in witnesses)
        why = "its name does not tell, and no `loss` and `batch` came from which to read it"
        found.append(_flax_filter(path, leaf, stack) if told else why)
    return found


def _may_be_convolution(path):
    parent, name = _names(path)
    return name == "kernel" and bool(_CONVOLUTION.search(parent))


def _tells(parent, shape, bias):
    if parent in _PROJECTIONS and len(shape) == 3:
        return len(bias) != 1  # A convolution may have that name too.
    if _TRANSPOSED.search(parent):
        return False
    # One bias for each entry of the last axis: there are no other units. No dense layer has three axes of
    # outputs and as many inputs as a window is wide.
    window = len(shape) == 4 and shape[0] == shape[1] in (1, 3, 5, 7)
    attention = parent == "out" and len(shape) == 3
    return bias == shape[-1:] or window or attention or bool(_CONVOLUTION.search(parent))


def _flax(leaves):
    stacks = _stacks(leaves)
    return [
        _flax_filter(path, leaf, stack) for (path, leaf), stack in zip(leaves, stacks, strict=True)
    ]


def _flax_filter(path, leaf, stack):
    parent, name = _names(path)
    rank = np.ndim(leaf) - len(stack)
    if rank <= 1 or name in _BESIDE or _broadcasts(name, leaf, stack):
        return Filter(None, stack)
    count = 1 if rank == 3 and name == "kernel" and parent in _PROJECTIONS else rank - 1
    return Filter(tuple(range(len(stack), len(stack) + count)), stack)


def _broadcasts(name, leaf, stack):
    return name != "kernel" and all(size == 1 for size in np.shape(leaf)[len(stack) : -1])


def _stacks(leaves):
    """For each leaf (0,) if it is a stack of equal blocks that run in one loop, as nn.scan makes them."""
    prefixes = [_prefix(path) for path, _ in leaves]
    plain = set()
    for (path, leaf), prefix in zip(leaves, prefixes, strict=True):
        least = {"kernel": 3, "embedding": 3, "bias": 2}.get(_names(path)[1], 1)
        if np.ndim(leaf) < least:
            plain.add(prefix)
    for prefix in set(prefixes) - plain:
        inside = [w for (_, w), p in zip(leaves, prefixes, strict=True) if p == prefix]
        sizes = {np.shape(leaf)[0] for leaf in inside}
        if len(sizes) > 1:
            plain.add(prefix)
    return [(0,) if prefix and prefix not in plain else () for prefix in prefixes]


def _prefix(path):
    texts = [jax.tree_util.keystr((entry,), simple=True) for entry in path]
    for i, text in enumerate(texts):
        if _STACK.fullmatch(text) and not (i + 1 < len(texts) and texts[i + 1].isdigit()):
            return tuple(texts[: i + 1])
    return ()


def _names(path):
    path = _variable(path)
    return tuple(["", "", *(jax.tree_util.keystr((e,), simple=True) for e in path)][-2:])


def _module(path):
    return _variable(path)[:-1]


def _variable(path):
    # A variable of NNX is a node of its own, and its array's name is "value".
    return path[:-1] if path and path[-1] == jax.tree_util.GetAttrKey("value") else path


def _haiku(leaves):
    return _by_place(leaves, ("w", "embeddings"), lambda parent, rank: _haiku_unit(parent, rank))


def _haiku_unit(parent, rank):
    return rank - 2 if _TRANSPOSED.search(parent) else rank - 1


def _outputs_first(leaves):
    return _by_place(leaves, ("weight",), _first_unit)


def _first_unit(parent, rank):
    return rank - 1 if rank == 2 and _EMBEDDING.search(parent) else 0


def _by_place(leaves, weights, unit):
    found = []
    for path, leaf in leaves:
        # A state_dict has one key for the whole path.
        *_, parent, name = ["", "", *re.split(r"[/.]", trees.path_name(path))]
        rank = np.ndim(leaf)
        if rank <= 1 or name in ("b", "bias", "offset", "scale") or _NORM.search(parent):
            found.append(Filter(None))
        elif name in weights or (weights == ("weight",) and _PARTS.search(name)):
            place = unit(parent, rank)
            found.append(Filter(tuple(i for i in range(rank) if i != place)))
        else:
            found.append(f"the convention says nothing of a leaf called {name!r}")
    return found


CONVENTIONS: dict[str, Callable[[list], list[Filter | str]]] = {
    "flax": _flax,
    "haiku": _haiku,
    "equinox": _outputs_first,
    "pytorch": _outputs_first,
}

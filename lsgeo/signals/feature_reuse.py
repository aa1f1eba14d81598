"""Which earlier features does each layer of a concatenating network read? Weights and ablations."""

import dataclasses
import graphlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import tree_flatten_with_path

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.matching import axes, trace_axes
from lsgeo.operators.evaluation import evaluate

FIXED = "fixed"


@trees.frozen
class FeatureReuse:
    """Strength of every connection from S sources to T targets; see `feature_reuse`. NaN: not connected."""

    sources: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    targets: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    mean_weights: np.ndarray  # (S, T), mean |w|
    standard_errors: np.ndarray  # (S, T), of that, as if weights were independent
    weights_per_map: np.ndarray  # (T,), weights of one input feature: outputs times the window
    expected: np.ndarray  # (T,), mean |w| of the target at the start; NaN without one
    loss_changes: np.ndarray  # (S, T), of the ablation; NaN where left out
    loss: float
    num_losses: int

    @property
    def norms(self) -> np.ndarray:
        """[S, T], L1 norm over the number of input feature maps (Huang et al. 2017, figure 5)."""
        return self.mean_weights * self.weights_per_map[None]

    @property
    def relative(self) -> np.ndarray:
        """[S, T], mean |w| over its expectation at the start: 1 is a connection left as it was drawn."""
        return self.mean_weights / self.expected[None]

    def __str__(self) -> str:
        connected = int(np.isfinite(self.mean_weights).sum())
        return (
            f"FeatureReuse: {len(self.sources)} sources, {len(self.targets)} targets, {connected} "
            f"connections; median mean |w| {np.nanmedian(self.mean_weights):.3g}"
        )


@accepts(params=as_params, batch=as_arrays)
def feature_reuse(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any,
    *,
    start: Any = None,
    ablate: bool = True,
) -> FeatureReuse:
    """Measures how much each layer of a DenseNet uses the features of each layer before it.

    Sources are the groups of features that are concatenated somewhere, targets the kernels that read
    them; which slice of which kernel that is comes from tracing `loss`, not from names. A weight says
    little of its own: a norm before the kernel rescales it, and an L2 penalty shrinks all of them. So
    there is the ablation as well: the loss without the connection, its slice of the kernel set to zero, one
    at a time and without training again. Features that two layers share are missed by it, as either alone
    can go.

    Args:
      loss: `loss(params, batch)` -> scalar; pure, in evaluation mode.
      params: pytree of floating-point arrays; kernels [..., inputs, outputs].
      batch: handed to loss.
      start: parameters at initialisation, whose mean |w| over a target's whole kernel is what a weight
        of it is expected to have.
      ablate: whether the ablations are made, one loss for each connection.

    Returns:
      FeatureReuse, sources and targets in the order of computation. A source is called by the kernels
      that make it; features that are no layer's, as the input is, or come alone by one, are "fixed".

    Raises:
      ValueError: if nothing is concatenated, or features are also added up, or `start` has other shapes.

    >>> def loss(params, x):
    ...     h = jnp.concatenate([x, x @ params["a"]], -1)
    ...     return jnp.sum((h @ params["b"]) ** 2)
    >>> params = {"a": jnp.ones((3, 2)), "b": jnp.ones((5, 2)).at[:3].set(0.5)}
    >>> found = feature_reuse(loss, params, jnp.ones((1, 3)))
    >>> found.sources, found.targets, found.mean_weights.tolist()
    (('fixed', 'a'), ('a', 'b'), [[1.0, 0.5], [nan, 1.0]])
    """
    function = trees.as_pytree(loss, "loss")
    flat, treedef = tree_flatten_with_path(params)
    if start is not None and jax.tree.map(jnp.shape, start) != jax.tree.map(jnp.shape, params):
        raise ValueError(
            "`start` must have the structure and shapes of `params`; got "
            f"{jax.tree.map(jnp.shape, start)}."
        )
    kernels = _kernels(flat, trace_axes(function, params, batch).params)
    parts, sources, targets = _connections(kernels)
    leaves = [leaf for _, leaf in flat]
    starts = None if start is None else jax.tree.leaves(start)
    shape = (len(sources), len(targets))
    weights, errors, changes = (np.full(shape, np.nan) for _ in range(3))
    function = programs.traced(loss, "loss", params, batch)
    whole = float(evaluate(function, params, batch))
    for (i, j), (place, part) in parts.items():
        sizes = np.abs(np.asarray(leaves[place][..., part, :], np.float64))
        weights[i, j] = sizes.mean()
        errors[i, j] = sizes.std() / np.sqrt(sizes.size)
        if ablate:
            without = [*leaves]
            without[place] = leaves[place].at[..., part, :].set(0)
            lesioned = jax.tree.unflatten(treedef, without)
            changes[i, j] = float(evaluate(function, lesioned, batch)) - whole
    places = [kernels[name][0] for name in targets]
    return FeatureReuse(
        sources,
        targets,
        weights,
        errors,
        np.array([leaves[i].size / leaves[i].shape[-2] for i in places]),
        np.array([np.nan if starts is None else np.abs(starts[i]).mean() for i in places]),
        changes,
        whole,
        1 + len(parts) * ablate,
    )


def _kernels(flat, shapes):
    # name -> (its place among the leaves, parts of the axis of its inputs, axis of its outputs)
    found = {}
    for place, ((path, leaf), shape) in enumerate(zip(flat, shapes, strict=True)):
        if leaf.ndim > 1:
            parts = shape[-2].parts if isinstance(shape[-2], axes.Sum) else (shape[-2],)
            found[trees.path_name(path)] = (place, parts, shape[-1])
    return found


def _connections(kernels):
    # {(source, target): (leaf, the inputs that are the source's)} with the names of both.
    pooled = {
        part for _, parts, _ in kernels.values() if len(parts) > 1 for part in map(_key, parts)
    }
    if not pooled:
        raise ValueError(
            "`loss` concatenates no features that a kernel reads: there is no choice among earlier ones. "
            "Take a DenseNet."
        )
    makers = {part: [] for part in pooled}
    for name, (_, _, out) in kernels.items():
        makers.get(_key(out), []).append(name)
    makers[FIXED] = [FIXED]
    order = _order(kernels)
    readers = [n for n in order if n in kernels and pooled & set(map(_key, kernels[n][1]))]
    rank = {name: number for number, name in enumerate(order)}
    sources = sorted(pooled, key=lambda part: min(map(rank.get, makers[part]), default=-1))
    found = {}
    for j, name in enumerate(readers):
        place, parts, _ = kernels[name]
        first = 0
        for part in parts:
            if _key(part) in pooled:
                index = sources.index(_key(part)), j
                before = found[index][1] if index in found else np.empty(0, int)
                found[index] = place, np.append(before, np.arange(first, first + part.size))
            first += part.size
    return found, tuple(" + ".join(makers[part]) or "?" for part in sources), tuple(readers)


def _key(part):
    return part if isinstance(part, axes.Atom) else FIXED


def _order(kernels):
    # Kernels from the input to the output: those that make what one reads come before it.
    outputs = {}
    for name, (_, _, out) in kernels.items():
        outputs.setdefault(_key(out), []).append(name)
    graph = {FIXED: ()}
    for name, (_, parts, out) in kernels.items():
        graph[name] = {
            maker
            for part in parts
            for maker in (outputs.get(part, ()) if isinstance(part, axes.Atom) else (FIXED,))
            if part != out
        }
    try:
        return tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        raise ValueError(
            "`loss` adds what layers make to what they read: the sources of a sum cannot be told apart. "
            "Take a network that concatenates only."
        ) from error

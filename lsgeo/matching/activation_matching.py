"""Permutes the units of one network so that they fire like another's."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from scipy.optimize import linear_sum_assignment

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_same
from lsgeo.matching import axes
from lsgeo.matching.permutation_groups import PermutationGroups
from lsgeo.matching.traced_axes import trace_axes
from lsgeo.matching.weight_matching import Matching, distance


@accepts(params=as_params, target=as_params, batch=as_arrays)
def match_activations(
    groups: PermutationGroups,
    predict: Callable[[Any, Any], jax.Array],
    target: Any,
    params: Any,
    batch: Any,
    *,
    own_predict: Callable[[Any, Any], jax.Array] | None = None,
) -> Matching:
    """Permutes `params` so that units are correlated with those of `target` in their place.

    Li et al. (2016) and Ainsworth et al. (2023, section 3.1): the sum of the correlations, over the
    examples, between each unit and its partner is made largest. A group's units are seen in every result of
    the computation that has their axis, so that a residual stream is seen after each block. Correlations
    stand in place of the inner products of Ainsworth et al., so that no result counts for its scale. Every
    group is a linear assignment problem of its own, solved exactly: there are no starts and no sweeps.

    Args:
      groups: from `permutation_groups` of the network.
      predict: the network of `target`, as the groups were derived from.
      target: parameters that stay as they are.
      params: parameters to permute.
      batch: examples on which the units are compared.
      own_predict: the network of `params`, where it carries arrays of its own (running statistics).

    Returns:
      Matching; its distances are those of the parameters.

    Raises:
      ValueError: if the parameters are not of the network or not finite.
    """
    check_same(target, params, "target", "params")
    for name, tree in (("target", target), ("params", params)):
        trees.check_finite(tree, name)
    one = trees.as_pytree(predict, "predict")
    other = trees.as_pytree(predict if own_predict is None else own_predict, "own_predict")
    groups.permute(params, groups.identity())
    traced = trace_axes(one, target, batch)
    if traced.sizes != groups.sizes:
        raise ValueError(
            f"`groups` of sizes {groups.sizes} were derived from another network than `predict`, "
            f"which has {traced.sizes}. Call permutation_groups on this one."
        )
    seen = _seen(traced, target, one)
    run = jax.jit(core.jaxpr_as_fun(_showing(traced.jaxpr, seen)))
    theirs, mine = (
        run(*jax.tree.leaves((function, tree, batch)))
        for function, tree in ((one, target), (other, params))
    )
    permutations = tuple(
        _best(size, k, [traced.variables[v] for v in seen], theirs, mine)
        for k, size in enumerate(groups.sizes)
    )
    moved = groups.permute(params, permutations)
    apart = distance(target, moved)
    return Matching(
        moved, permutations, distance(target, params), apart, np.array([apart]), 1, True
    )


def _seen(traced, params, function):
    # Results that depend on the examples and have an axis of a group.
    jaxpr = traced.jaxpr.jaxpr
    fixed = len(jax.tree.leaves(function)) + len(jax.tree.leaves(params))
    alive = set(jaxpr.invars[fixed:])
    seen = []
    for eqn in jaxpr.eqns:
        if not alive.isdisjoint(v for v in eqn.invars if isinstance(v, core.Var)):
            alive |= set(eqn.outvars)
            seen += [
                v
                for v in eqn.outvars
                if jnp.issubdtype(v.aval.dtype, jnp.floating)
                and any(axes.atoms(axis) for axis in traced.variables[v])
            ]
    return seen


def _showing(closed, variables):
    jaxpr = closed.jaxpr
    info = jaxpr.debug_info._replace(result_paths=None)
    shown = jaxpr.replace(outvars=list(variables), debug_info=info)
    return core.ClosedJaxpr(shown, closed.consts)


def _best(size, k, shapes, theirs, mine):
    scores = np.zeros((size, size))
    for shape, one, other in zip(shapes, theirs, mine, strict=True):
        for place, structure in enumerate(shape):
            for rows in axes.places(structure, axes.Atom(size, k)):
                scores += _standard(one, place, rows) @ _standard(other, place, rows).T
    return linear_sum_assignment(scores, maximize=True)[1]


def _standard(values, place, rows):
    part = np.moveaxis(np.asarray(values, np.float64), place, 0)[rows].reshape(len(rows), -1)
    centred = part - part.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(sizes > 0, sizes, 1)

"""The axes of a network's parameters, tied together by what is computed with them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo.matching import axes
from lsgeo.matching._axis_rules import Shape, trace


@dataclasses.dataclass(frozen=True)
class TracedAxes:
    """A traced computation and the axes of what it is made of; atoms are numbered by group."""

    jaxpr: Any  # jax.extend.core.ClosedJaxpr
    sizes: tuple[int, ...]
    params: tuple[Shape, ...]
    function: tuple[Shape, ...]
    variables: dict[Any, Shape]  # of the jaxpr
    unknown: tuple[str, ...]


def trace_axes(function: Callable, params: Any, batch: Any) -> TracedAxes:
    """Traces a computation and finds the groups of the parameters' axes."""
    jaxpr = jax.make_jaxpr(lambda f, p, b: f(p, b))(function, params, batch)
    u, unknown = axes.Unifier(), set()
    own = [tuple(map(u.fresh, jnp.shape(leaf))) for leaf in jax.tree.leaves(function)]
    mine = [tuple(map(u.fresh, jnp.shape(leaf))) for leaf in jax.tree.leaves(params)]
    given = [tuple(map(axes.Fixed, jnp.shape(leaf))) for leaf in jax.tree.leaves(batch)]
    results, variables = trace(u, jaxpr.jaxpr, [*own, *mine, *given], unknown)
    u.freeze(*(axis for result in results for axis in result))
    numbers = {}
    for axis in (axis for leaf in mine for axis in leaf):
        for atom in _in_order(u.resolve(axis)):
            numbers.setdefault(atom, axes.Atom(atom.size, len(numbers)))

    def named(shape):
        return tuple(axes.substitute(u.resolve(axis), numbers) for axis in shape)

    return TracedAxes(
        jaxpr,
        tuple(atom.size for atom in numbers),
        tuple(map(named, mine)),
        tuple(map(named, own)),
        {variable: named(shape) for variable, shape in variables.items()},
        tuple(sorted(unknown)),
    )


def _in_order(axis):
    return sorted(axes.atoms(axis), key=lambda atom: atom.number)

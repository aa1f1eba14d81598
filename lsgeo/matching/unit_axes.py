"""Which axes of a parameter run over the inputs of a unit, read off what is computed with it.

Where a parameter meets data in a product or a convolution, the axes that are summed over are a unit's
inputs, and those that stay in the result number the units.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo.matching._unit_rules import Trace
from lsgeo.matching._unit_tracks import BATCH, CONSTANT, Use, Value, whole


@dataclasses.dataclass(frozen=True)
class Units:
    """The axes of one parameter; see `unit_axes`.

    Attributes:
      inputs: the axes that one unit's weights extend over, ascending; None if it has no units.
      stack: the axes along which it is several parameters, one for each turn of a loop.
      unclear: why `inputs` cannot be told; empty if they can.
    """

    inputs: tuple[int, ...] | None
    stack: tuple[int, ...] = ()
    unclear: str = ""


def unit_axes(function: Callable, params: Any, batch: Any) -> list[Units]:
    """Traces a computation and tells the inputs of each parameter from its units.

    Parameters are followed through whatever is done to them one by one: casts, scalings, normalisations,
    reshapes, transposes, slices, loops. Rows that indices of the batch look up are those of a dense layer on
    one-hot tokens. Of several uses the first one decides that meets the batch, or else the first that meets
    constants. What is added to data, or multiplied with it entry by entry, has no units; nor has a vector.

    Args:
      function: function(params, batch), of any result.
      params: pytree of arrays.
      batch: pytree of arrays. If it is empty, the data are the arrays that `function` closes over.

    Returns:
      The Units of each leaf of params, in order.
    """
    jaxpr = jax.make_jaxpr(function)(params, batch)
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(params)]
    given = [_of(BATCH, jnp.shape(leaf)) for leaf in jax.tree.leaves(batch)]
    mine = [
        Value(CONSTANT, (False,) * len(shape), {i: whole(shape)}) for i, shape in enumerate(shapes)
    ]
    trace = Trace(shapes, constants=CONSTANT if given else BATCH)
    trace.follow(jaxpr.jaxpr, [*mine, *given])
    return [_decide(trace, i, shape) for i, shape in enumerate(shapes)]


def _of(level, shape):
    return Value(level, (False,) * len(shape))


def _decide(trace: Trace, number: int, shape: tuple[int, ...]) -> Units:
    uses = trace.uses.get(number, [])
    by_batch = [use for use in uses if use.of_batch]
    looped = tuple(sorted(trace.looped.get(number, ())))
    if not by_batch and number in trace.unclear:
        return Units(None, looped, trace.unclear[number])
    uses = by_batch or uses
    if not uses:
        return Units(None, looped)
    found = _combined(uses)
    both = [axis for axis in found.inputs & found.units if shape[axis] > 1]
    if both:
        return Units(None, looped, f"its axis {both[0]} is in part summed over and in part kept")
    if len(shape) - len(found.stack & set(looped)) <= 1:
        return Units(None, looped)
    return Units(tuple(sorted(found.inputs)), tuple(sorted(found.stack)))


def _combined(uses: list[Use]) -> Use:
    # Later uses tell of axes that the first one left open, as where a kernel is taken slice by slice.
    first, *rest = uses
    inputs, units = first.inputs, first.units
    for use in rest:
        if not (use.inputs & units or use.units & inputs):
            inputs, units = inputs | use.inputs, units | use.units
    return Use(inputs, units, first.stack - inputs, first.of_batch)

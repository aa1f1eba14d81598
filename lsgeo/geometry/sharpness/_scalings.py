"""Coordinates z of a perturbation, params + T z, and what changes of scale they cancel.

A network computes the same function after many changes of scale: a ReLU layer doubled and the next one halved,
or any weights in front of a normalisation. A ball in the weights then holds other functions than before, and
a measure made with it moves although nothing has changed (Dinh et al. 2017). Where T changes along with the
weights, the ball in z holds the same functions as before (Kwon et al. 2021).

The changes of scale that results name in `invariant_under`, all by positive factors and for networks that
they leave as functions what they were:

  "layer rescaling": a layer's weights and biases times a, the next layer's weights divided by a.
  "unit rescaling": the same with a factor of its own for each hidden unit.
  "norm-fed weights": weights times a whose output a normalisation (with epsilon 0) frees of its scale.

A measure that does not name a change moves with it. Permutations of hidden units change none of the measures,
but a random one in its draw: the interval covers that.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo.checks import check_one_of
from lsgeo.geometry.surfaces._filters import Filter, Rule, filters_of

LAYERS, UNITS, NORMALIZED = "layer rescaling", "unit rescaling", "norm-fed weights"
ALL = (LAYERS, UNITS, NORMALIZED)
INVARIANCES = {"none": (), "magnitude": ALL, "filter": (LAYERS, NORMALIZED), "box": ()}


def scales(
    params: Any,
    scaling: str,
    loss: Callable | None = None,
    batch: Any = None,
    axes: str | Rule | None = None,
) -> Any:
    """Returns the diagonal of T as a pytree like params.

    Args:
      params: pytree of floating-point arrays.
      scaling: "none", 1; "magnitude", |w| (Kwon et al. 2021, element-wise); "filter", the norm of the
        weight's filter, and |w| for what belongs to no filter, such as biases (Kwon et al. 2021,
        filter-wise); "box", |w| + 1 (Keskar et al. 2017). A weight of zero does not move under "magnitude".
      loss: loss(params, batch), off which "filter" reads where filters lie.
      batch: handed to loss.
      axes: where filters lie, said; see `normalize_direction`.

    Raises:
      ValueError: if the scaling is unknown, or the filters of a leaf cannot be told.
    """
    check_one_of(scaling, "scaling", INVARIANCES)
    if scaling == "filter":
        found = jax.tree.unflatten(
            jax.tree.structure(params), filters_of(params, loss, batch, axes)
        )
        return jax.tree.map(_filter_norms, params, found)
    return jax.tree.map(_SCALES[scaling], params)


def describe(invariant_under: tuple[str, ...]) -> str:
    """Says in words under which changes of scale a measure stays the same."""
    if not invariant_under:
        return "moves with every rescaling"
    return f"invariant under {', '.join(invariant_under)}"


def _filter_norms(leaf: jax.Array, found: Filter) -> jax.Array:
    axes = found.axes
    if axes is None or not leaf.size:
        return jnp.abs(leaf)
    largest = jnp.max(jnp.abs(leaf), axis=axes, keepdims=True, initial=0)
    unit = leaf / jnp.where(largest == 0, jnp.ones_like(largest), largest)
    norms = largest * jnp.sqrt(jnp.sum(jnp.square(unit), axis=axes, keepdims=True))
    return jnp.broadcast_to(norms, leaf.shape)


_SCALES = {
    "none": jnp.ones_like,
    "magnitude": jnp.abs,
    "box": lambda leaf: jnp.abs(leaf) + 1,
}

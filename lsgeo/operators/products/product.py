"""An operator given by a product that is itself a pytree of arrays, and the usual shape of such a product."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator, operator_class


@operator_class(meta=("space", "mode"))
class Curvature(LinearOperator):
    """A curvature matrix given by its product; `mode` says how the product is computed."""

    product: Partial
    space: trees.Space
    noise: jax.Array
    mode: str

    def matvec(self, v: Any) -> Any:
        """Calls the product."""
        return self.product(v)


def checked(product: Partial, space: trees.Space, **options: Any) -> LinearOperator:
    """Makes a product an operator and tests it; `options` as `preflight`."""
    return preflight(*multiplied(unchecked(product, space)), **options)


def multiplied(op: LinearOperator) -> tuple[LinearOperator, jax.Array | None]:
    """Returns an operator and its first product; none under an outer `jit`, `vmap` or derivative.

    Either raises what JAX raises where a derivative rule is missing: some are missed when the product is
    lowered, and no earlier.
    """
    if programs.is_traced(op):
        vector = jax.ShapeDtypeStruct(op.shape[:1], op.dtype)
        jax.jit(_flat).lower(jax.tree.map(_abstract, op), vector)
        return op, None
    return op, op.flat_product(checks.probes(op.space)[0])


def _flat(op, v):
    return op.flat_product(v)


def _abstract(leaf):
    aval = jax.typeof(leaf)
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)


def preflight(op: LinearOperator, first: jax.Array | None, **options: Any) -> LinearOperator:
    """Tests an operator and measures its noise: `options` as `checks.measure_noise`.

    Under an outer `jit`, where nothing can be looked at, the operator is returned as it is.

    Args:
      op: the operator.
      first: its product with the first of `checks.probes`, if it was made.
      **options: see above.
    """
    if programs.is_traced(op):
        return op
    # One program gives one vector's product twice alike, wherever it is: that is seen once.
    program = hash(jax.tree.structure(op)) if isinstance(op, Curvature) else None
    again = program is None or program not in _REPEATED
    noise = checks.measure_noise(op, first=first, again=again, **options)
    _REPEATED.add(program)
    return dataclasses.replace(op, noise=noise)


_REPEATED: set[int | None] = set()


def unchecked(product: Partial, space: trees.Space, mode: str = "linearized") -> LinearOperator:
    """Makes a product an operator whose noise is taken to be the machine epsilon."""
    return Curvature(product, space, jnp.asarray(space.eps, space.dtype), mode)


def sandwich(jacobian: Any, metric: Partial, v: Any) -> Any:
    """Returns J' M J v from a Jacobian and a symmetric product on its outputs."""
    return jacobian.back(metric(jacobian.along(v)))


def anew(linearize: Partial, part: Any, v: Any) -> Any:
    """Multiplies with v after linearising at `part` of the data: the product of streamed operators."""
    return linearize(part)(v)

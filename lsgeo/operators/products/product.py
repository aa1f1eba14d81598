"""An operator given by a product that is itself a pytree of arrays, and the usual shape of such a product."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from lsgeo import trees
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


def checked(
    product: Partial,
    space: trees.Space,
    *,
    mode: str = "linearized",
    unit: float | None = None,
    source: str = "`loss`",
) -> LinearOperator:
    """Makes a product an operator, tests it once and measures its noise (see `checks.measure_noise`)."""
    op = unchecked(product, space, mode)
    return Curvature(product, space, checks.measure_noise(op, unit, source=source), mode)


def unchecked(product: Partial, space: trees.Space, mode: str = "linearized") -> LinearOperator:
    """Makes a product an operator whose noise is taken to be the machine epsilon."""
    return Curvature(product, space, jnp.asarray(space.eps, space.dtype), mode)


def sandwich(jvp: Partial, metric: Partial, v: Any) -> Any:
    """Returns J' M J v from a linearised function and a symmetric product on its outputs."""
    return jax.linear_transpose(jvp, v)(metric(jvp(v)))[0]


def anew(linearize: Partial, part: Any, v: Any) -> Any:
    """Multiplies with v after linearising at `part` of the data: the product of streamed operators."""
    return linearize(part)(v)

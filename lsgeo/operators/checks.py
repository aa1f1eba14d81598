"""The pre-flight check of an operator: finite, repeatable, symmetric, linear, and how noisy?

What is random between calls shows where a loss is traced (`lsgeo.programs`); what is random inside the
compiled program shows in the products, which are tested on two fixed vectors; no statistics depend on those.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.operators.base import LinearOperator

# The relative difference above which two products differ by more than rounding in any precision.
MOST = 0.1


class NonFiniteProduct(ValueError):
    """A product with an operator has a NaN or an infinity, as a curvature has at some points."""


def check_operator(op: Any) -> None:
    """Raises a ValueError unless `op` is an operator."""
    if not isinstance(op, LinearOperator):
        raise ValueError(
            f"`op` must be a lsgeo operator; got {type(op).__name__}. Make one with hessian, "
            "gauss_newton, dense(matrix) or from_matvec(matvec, like)."
        )


def check_loss(loss: Callable, params: Any, batch: Any) -> None:
    """Raises a ValueError unless a loss that came in by `programs.traced` returns a real scalar."""
    check_scalar(programs.outputs(loss, "loss", params, batch), "loss")


def check_scalar(outputs: Any, name: str) -> None:
    """Raises a ValueError unless what a function returns, by shape and dtype, is a real scalar."""
    leaves = jax.tree.leaves(outputs)
    if len(leaves) != 1 or leaves[0].shape != () or not _is_real(leaves[0]):
        raise ValueError(
            f"`{name}` must return a real scalar, the mean over the batch; got {described(leaves)}."
        )


def check_real(outputs: Any, name: str) -> None:
    """Raises a ValueError unless a function returns real floating-point arrays."""
    leaves = jax.tree.leaves(outputs)
    if not leaves or not all(map(_is_real, leaves)):
        raise ValueError(
            f"`{name}` must return real floating-point arrays; got {described(leaves)}."
        )


def described(leaves: list[Any]) -> str:
    """Writes the dtypes and shapes of arrays, as in "float32[3,2], int32[]"."""
    texts = (f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]" for leaf in leaves)
    return ", ".join(texts) or "nothing"


def _is_real(leaf):
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def check_value(value: jax.Array, name: str = "loss") -> None:
    """Raises a ValueError unless the value of the loss is finite."""
    if not bool(jnp.isfinite(value)):
        raise ValueError(
            f"`{name}` is {float(value)} at these `params`: there is no curvature to measure. "
            "Check the data and the parameters for NaN, or pass an earlier checkpoint."
        )


LOW_PRECISION = (
    "Check the function that computes it; if it computes in a lower precision than its parameters "
    "have, pass parameters of that precision."
)


def probes(space: trees.Space) -> tuple[jax.Array, jax.Array]:
    """Returns the two vectors [n] that products are tested on."""
    u, v = jnp.asarray(np.random.default_rng(0).standard_normal((2, space.size)), space.dtype)
    return u, 2 * u if space.size == 1 else v


def measure_noise(
    op: LinearOperator,
    unit: float | None = None,
    *,
    source: str = "`loss`",
    first: jax.Array | None = None,
    again: bool = True,
    cause: str = LOW_PRECISION,
) -> jax.Array:
    """Tests the products of `op` and measures their relative rounding noise.

    The noise is the failure of additivity, ||H(-u-v) + Hu + Hv|| / (||Hu|| + ||Hv||), of an operator that
    is exactly linear but for rounding; at least the machine epsilon of the coarsest leaf. The signs are such
    that a product which is only positively homogeneous, such as |v|, fails whatever u and v are.

    Args:
      op: the operator.
      unit: relative error that one product has by construction, in place of the machine epsilon of the
        space, where products are linear to that only.
      source: the argument that the product comes from, as messages call it.
      first: the product with the first of `probes`, if it was made.
      again: whether to make that product once more, to see that it is repeatable.
      cause: what to say of products that are not linear.

    Raises:
      NonFiniteProduct: if a product is not finite.
      ValueError: if one is not repeatable, not symmetric or not linear.
    """
    u, v = probes(op.space)
    hu = op.flat_product(u) if first is None else first
    once_more = op.flat_product(u) if again else hu
    hv, minus_huv = (op.flat_product(x) for x in (v, -u - v))
    finite, repeat, asymmetry, additivity = np.asarray(_figures(u, v, hu, once_more, hv, minus_huv))
    if not finite:
        raise NonFiniteProduct(
            f"the product of {source} has a NaN or an infinity. Likely causes: a square root, norm or "
            "logarithm at zero, a value that is not finite, or overflow in this precision."
        )
    eps = op.space.eps
    unit = eps if unit is None else unit
    growth = 1e3 * np.sqrt(np.sqrt(op.space.size))
    # In half precision `growth` would let anything pass.
    most = max(MOST, np.sqrt(unit))
    if repeat > min(growth * eps, most):
        raise ValueError(
            f"the product of {source} is not repeatable: two products with one vector differ by "
            f"{repeat:.1e} of their size. {programs.CAUSES}"
        )
    if asymmetry > min(max(growth * unit, 1e2 * additivity), most):
        raise ValueError(
            f"the product of {source} is not symmetric: u'Hv and v'Hu differ by {asymmetry:.1e} of "
            f"||u|| ||Hv||. Likely causes: a custom derivative rule that is wrong, stop_gradient, a "
            f"product that is not linear, or a loss that is random. {programs.CAUSES}"
        )
    if additivity > np.sqrt(unit):
        raise ValueError(
            f"the product of {source} is not linear: -H(-u-v) and Hu + Hv differ by {additivity:.1e} of "
            f"their size. {cause}"
        )
    return jnp.asarray(max(additivity, unit, repeat), op.dtype)


@jax.jit
def _figures(u, v, hu, again, hv, minus_huv):
    norm = trees.norm

    def ratio(a, b):
        return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)

    finite = jnp.isfinite(norm(hu)) & jnp.isfinite(norm(hv))
    repeat = ratio(norm(hu - again), norm(hu))
    gap = jnp.abs(jnp.vdot(u, hv) - jnp.vdot(v, hu))
    asymmetry = ratio(gap, norm(u) * norm(hv) + norm(v) * norm(hu))
    additivity = ratio(norm(minus_huv + hu + hv), norm(hu) + norm(hv))
    return jnp.stack([finite.astype(u.dtype), repeat, asymmetry, additivity])

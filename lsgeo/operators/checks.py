"""The pre-flight check of an operator: finite, deterministic, symmetric, and how noisy?

A random loss looks deterministic under `jit` and `linearize`, where its mask is frozen. So the loss is
traced twice, apart: a key or a mask that moves between calls shows as a constant that differs. What
is random inside the compiled program shows in the products, which are tested on two fixed vectors; no
statistics depend on those.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import is_key
from lsgeo.operators.base import LinearOperator

CAUSES = (
    "Likely causes: dropout or other noise inside the loss, batch normalisation in training mode, "
    "data that are shuffled or augmented between evaluations."
)

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
    """Traces a loss twice and refuses what has no Hessian.

    Raises:
      ValueError: if it is not a real scalar, or differs between two traces.
    """
    _check_scalar(check_deterministic(loss, params, batch, "loss"), "loss")


def check_composed(predict: Callable, criterion: Callable, params: Any, batch: Any) -> None:
    """Traces the two parts of a loss as `check_loss` does the whole, and names the one that is wrong.

    Raises:
      ValueError: if the outputs are not real, the criterion is no real scalar, or one of them is random.
    """
    avals, outputs = _trace_twice(predict, params, batch, "predict")
    if not avals or not all(jnp.issubdtype(aval.dtype, jnp.floating) for aval in avals):
        raise ValueError(
            "`predict` must return real floating-point arrays; got "
            f"{', '.join(str(aval) for aval in avals) or 'nothing'}."
        )
    _check_scalar(_trace_twice(criterion, outputs, batch, "criterion")[0], "criterion")


def _check_scalar(avals, name):
    if len(avals) != 1 or avals[0].shape != () or not jnp.issubdtype(avals[0].dtype, jnp.floating):
        raise ValueError(
            f"`{name}` must return a real scalar, the mean over the batch; got "
            f"{', '.join(str(aval) for aval in avals) or 'nothing'}."
        )


def check_deterministic(function: Callable, params: Any, batch: Any, name: str) -> list:
    """Traces `function(params, batch)` twice, apart, and returns the abstract values of its outputs.

    Raises:
      ValueError: if the traces differ, or the function does not take these arguments.
    """
    return _trace_twice(function, params, batch, name)[0]


def _trace_twice(function, first_argument, batch, name):
    def trace():
        # A fresh function each time, or the second trace would be the cached first one.
        once = jax.make_jaxpr(lambda p, b: function(p, b), return_shape=True)
        return once(first_argument, batch)

    # A key or a statistic that is kept from call to call leaks out of the first trace into the second.
    try:
        first, shapes = trace()
    except TypeError as error:
        if isinstance(error, jax.errors.JAXTypeError):  # which explains itself
            raise
        raise ValueError(_misfit(name, batch, error)) from error
    try:
        second, _ = trace()
        same = _equal_constants(first, second)
    except (jax.errors.UnexpectedTracerError, jax.errors.TracerArrayConversionError):
        same = False
    if not same:
        raise ValueError(
            f"`{name}` is random: two evaluations differ in a constant or in their steps. {CAUSES}"
        )
    return first.out_avals, shapes


def _misfit(name, batch, error):
    takes = "its outputs" if name == "criterion" else "`params`"
    shapes = jax.tree.map(np.shape, batch)
    return (
        f"`{name}` cannot be computed from {takes} and `batch`, of shapes {shapes}: {error} Check that the "
        "arrays of `batch` have equally many examples and are those that it expects."
    )


def check_value(value: jax.Array, name: str = "loss") -> None:
    """Raises a ValueError unless the value of the loss is finite."""
    if not bool(jnp.isfinite(value)):
        raise ValueError(
            f"`{name}` is {float(value)} at these `params`: there is no curvature to measure. "
            "Check the data and the parameters for NaN, or pass an earlier checkpoint."
        )


def _equal_constants(first, second):
    pairs = zip(_constants(first), _constants(second), strict=False)
    return len(first.eqns) == len(second.eqns) and all(
        np.array_equal(a, b, equal_nan=jnp.issubdtype(a.dtype, jnp.inexact)) for a, b in pairs
    )


def _constants(closed: Any) -> Iterator[np.ndarray]:
    for constant in closed.consts:
        yield np.asarray(jax.random.key_data(constant) if is_key(constant) else constant)
    yield from _inner_constants(closed.jaxpr)


def _inner_constants(jaxpr: Any) -> Iterator[np.ndarray]:
    for equation in jaxpr.eqns:
        for operand in equation.invars:
            if hasattr(operand, "val"):
                yield np.asarray(operand.val)
        for parameter in equation.params.values():
            for part in parameter if isinstance(parameter, tuple | list) else [parameter]:
                if hasattr(part, "consts"):
                    yield from _constants(part)
                elif hasattr(part, "eqns"):
                    yield from _inner_constants(part)


def measure_noise(
    op: LinearOperator, unit: float | None = None, *, source: str = "`loss`"
) -> jax.Array:
    """Tests the products of `op` and measures their relative rounding noise.

    The noise is the failure of additivity, ||H(-u-v) + Hu + Hv|| / (||Hu|| + ||Hv||), of an operator that
    is exactly linear but for rounding; at least the machine epsilon of the coarsest leaf. The signs are such
    that a product which is only positively homogeneous, such as |v|, fails whatever u and v are.

    Args:
      op: the operator.
      unit: relative error that one product has by construction, in place of the machine epsilon, where
        products are approximate and linear to that only (finite differences).
      source: the argument that the product comes from, as messages call it.

    Raises:
      NonFiniteProduct: if a product is not finite.
      ValueError: if one is not repeatable, not symmetric or not linear.
    """
    rng = np.random.default_rng(0)
    u, v = jnp.asarray(rng.standard_normal((2, op.space.size)), op.dtype)
    if op.space.size == 1:
        v = 2 * u
    hu, again, hv, minus_huv = (op.flat_product(x) for x in (u, u, v, -u - v))
    finite, repeat, asymmetry, additivity = np.asarray(_figures(u, v, hu, again, hv, minus_huv))
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
            f"{repeat:.1e} of their size. {CAUSES}"
        )
    if asymmetry > min(max(growth * unit, 1e2 * additivity), most):
        raise ValueError(
            f"the product of {source} is not symmetric: u'Hv and v'Hu differ by {asymmetry:.1e} of "
            f"||u|| ||Hv||. Likely causes: a custom derivative rule that is wrong, stop_gradient, a "
            f"product that is not linear, or a loss that is random. {CAUSES}"
        )
    if additivity > np.sqrt(unit):
        cause = (
            "Check the function that computes it; if it computes in a lower precision than its parameters "
            "have, pass parameters of that precision."
            if unit == eps
            else "A finite difference sees kinks (ReLU) within its step, and the rounding of the gradient: use "
            "an exact mode, or float64."
        )
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

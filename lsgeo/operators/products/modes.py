"""How a Hessian is multiplied with a vector, and which way suits the memory and the loss.

Cost of a product in gradients of a dense network: 2 re-used linearisation, 3 forward over reverse, about 3
reverse over reverse, 2 finite difference. The first keeps the linearisation in memory; the last needs no
derivative of the gradient but carries an error of about eps^(2/3).
"""

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators.base import LinearOperator

MODES = (
    "auto",
    "linearized",
    "forward-over-reverse",
    "reverse-over-reverse",
    "finite-difference",
)
# Of the free memory: the rest is for the intermediates of one product and for a Krylov basis.
LINEARIZATION_SHARE = 0.5
# What JAX raises where a primitive or a custom rule has no forward derivative.
NO_RULE = (TypeError, ValueError, NotImplementedError)


def check_mode(mode: str) -> None:
    """Raises a ValueError unless `mode` is known."""
    if mode not in MODES:
        raise ValueError(f"`mode` must be one of {', '.join(MODES)}; got {mode!r}.")


def choose(loss: Callable, params: Any, batch: Any) -> str:
    """Resolves "auto" for data that are used again and again.

    The re-used linearisation if it fits into half of the free memory, else forward over reverse; the finite
    difference for a gradient without a forward derivative. The size comes from an abstract evaluation whose
    trace the linearisation then uses, so choosing costs nothing.
    """
    try:
        product = _linearize.eval_shape(loss, params, batch)[2]
    except NO_RULE:
        _check_gradient(loss, params, batch)
        return "finite-difference"
    needed = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(product))
    fits = needed <= LINEARIZATION_SHARE * free_bytes()
    return "linearized" if fits else "forward-over-reverse"


def choose_streamed(loss: Callable, params: Any, batch: Any) -> str:
    """Resolves "auto" for data that pass by: a linearisation could not be kept."""
    try:
        jax.eval_shape(forward_over_reverse, loss, params, batch, params)
    except NO_RULE:
        _check_gradient(loss, params, batch)
        return "finite-difference"
    return "forward-over-reverse"


def noise_unit(mode: str, space: trees.Space) -> float | None:
    """Returns the error that products of this mode have at best; None for that of the arithmetic."""
    return space.eps ** (2 / 3) if mode == "finite-difference" else None


def with_truncation_error(op: LinearOperator, *products: str) -> LinearOperator:
    """Raises the noise of a finite difference to its truncation error.

    The difference of two steps, one twice the other, is three times that error (Richardson 1911). It is
    taken along the curvature, where the error is largest, after three steps of power iteration.

    Args:
      op: a Hessian in the mode "finite-difference".
      products: the fields of `op` that hold such a product.
    """
    doubled = {name: Partial(_coarse_difference, *getattr(op, name).args) for name in products}
    coarse = dataclasses.replace(op, **doubled)
    w = jnp.asarray(np.random.default_rng(1).standard_normal(op.space.size), op.dtype)
    for _ in range(3):
        w = _unit(op.flat_product(w))
    fine = op.flat_product(w)
    error = _relative_gap(coarse.flat_product(w), fine) / 3
    return dataclasses.replace(op, noise=jnp.maximum(op.noise, error))


def free_bytes() -> float:
    """Returns the memory that the default device can still give; infinite where it does not say."""
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit", math.inf)
        return limit - stats.get("bytes_in_use", 0)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def linearize(loss: Callable, params: Any, batch: Any) -> tuple[jax.Array, Any, Partial]:
    """Returns the loss, its gradient, and the Hessian's product as a pytree of arrays.

    Raises:
      ValueError: if the gradient has no forward derivative.
    """
    try:
        return _linearize(loss, params, batch)
    except NO_RULE as error:
        raise _no_forward_rule(loss, params, batch, error) from error


def product_of(mode: str, loss: Callable, params: Any, *batch: Any) -> Partial:
    """Returns `product(batch, v)` of a mode that recomputes, or `product(v)` at a given batch.

    "linearized" becomes forward over reverse, which is the same arithmetic.
    """
    return Partial(_RECOMPUTING.get(mode, forward_over_reverse), loss, params, *batch)


def check_forward_rule(mode: str, loss: Callable, params: Any, batch: Any) -> None:
    """Raises a ValueError if `mode` recomputes by a derivative that the gradient does not have."""
    product = product_of(mode, loss, params)
    try:
        jax.eval_shape(product, batch, params)
    except NO_RULE as error:
        raise _no_forward_rule(loss, params, batch, error) from error


# The linearisation must come out of a cached trace: its jaxpr is part of the result's structure, and
# products at another checkpoint share their compilation only if it is the very same object.
@jax.jit
def _linearize(loss, params, batch):
    def gradient(p):
        value, slope = jax.value_and_grad(loss)(p, batch)
        return slope, value

    with jax.default_matmul_precision("highest"):
        slope, product, value = jax.linearize(gradient, params, has_aux=True)
    return value, slope, product


# Compiled parts, so that a trace made for a check serves the product as well.
@jax.jit
def forward_over_reverse(loss: Callable, params: Any, batch: Any, v: Any) -> Any:
    """Differentiates the gradient along v, recomputing it (Pearlmutter 1994)."""
    with jax.default_matmul_precision("highest"):
        return jax.jvp(lambda p: jax.grad(loss)(p, batch), (params,), (v,))[1]


@jax.jit
def _reverse_over_reverse(loss, params, batch, v):
    with jax.default_matmul_precision("highest"):
        return jax.grad(lambda p: trees.vdot(jax.grad(loss)(p, batch), v))(params)


@jax.jit
def _finite_difference(loss, params, batch, v):
    return _central_difference(loss, params, batch, v, 1)


@jax.jit
def _coarse_difference(loss, params, batch, v):
    return _central_difference(loss, params, batch, v, 2)


def _central_difference(loss, params, batch, v, factor):
    # The step that balances truncation, step^2, with rounding, eps / step, both relative to ||params||.
    eps = trees.space_of(params).eps
    size, length = trees.norm(params), trees.norm(v)
    step = factor * eps ** (1 / 3) * jnp.where(size > 0, size, 1) / jnp.where(length > 0, length, 1)

    def gradient(sign):
        moved = jax.tree.map(lambda p, x: p + (sign * step).astype(p.dtype) * x, params, v)
        with jax.default_matmul_precision("highest"):
            return jax.grad(loss)(moved, batch)

    def difference(ahead, behind):
        return (ahead - behind) / (2 * step).astype(ahead.dtype)

    return jax.tree.map(difference, gradient(1), gradient(-1))


@jax.jit
def _unit(w):
    length = trees.norm(w)
    return w / jnp.where(length > 0, length, 1)


@jax.jit
def _relative_gap(a, b):
    length = trees.norm(b)
    return jnp.where(length > 0, trees.norm(a - b) / jnp.where(length > 0, length, 1), 0)


def _check_gradient(loss, params, batch):
    # Whatever is wrong with the gradient itself is the user's to see as it is.
    jax.eval_shape(jax.grad(loss), params, batch)


def _no_forward_rule(loss, params, batch, error):
    _check_gradient(loss, params, batch)
    return ValueError(
        "the gradient of `loss` has no derivative of the kind that this mode takes, as with attention kernels "
        "that define their own backward pass. Pass mode='finite-difference' or mode='auto' to `hessian`. "
        f"JAX says: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    )


_RECOMPUTING = {
    "forward-over-reverse": forward_over_reverse,
    "reverse-over-reverse": _reverse_over_reverse,
    "finite-difference": _finite_difference,
}

"""How a Hessian is multiplied with a vector, and which way suits the memory and the loss.

Cost of a product in gradients of a dense network: 2 re-used linearisation, 3 forward over reverse, about 3
reverse over reverse, 2 finite difference. The first keeps the linearisation in memory; the last needs no
derivative of the gradient but carries an error of about eps^(2/3).
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import memory, trees
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.evaluation import gradient, value_and_gradient

AUTO = "auto"
# Of the free memory: the rest is for the intermediates of one product and for a Krylov basis.
LINEARIZATION_SHARE = 0.5
# What JAX raises where a primitive or a custom rule has no forward derivative.
NO_RULE = (TypeError, ValueError, NotImplementedError)


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way to multiply with a Hessian."""

    name: str
    recomputed: Callable  # (loss, params, batch, v) -> H v
    keeps: bool = False  # a linearisation, whose products are these without recomputing
    rule: str = ""  # the derivative of the gradient that it takes
    cause: str = checks.LOW_PRECISION  # of products that are not linear
    # Where products have an error by construction: the mode whose error is four times as large.
    coarse: "Mode | None" = None

    def at(self, loss: Callable, params: Any, batch: Any) -> tuple[jax.Array, Any, Partial]:
        """Returns the loss, its gradient and the Hessian's `product(v)`."""
        if self.keeps:
            return linearize(loss, params, batch)
        product = self.recomputing(loss, params, batch)
        return *value_and_gradient(loss, params, batch), product

    def product(self, loss: Callable, params: Any, batch: Any) -> Partial:
        """Returns the Hessian's `product(v)` alone."""
        if self.keeps:
            return linearize(loss, params, batch)[2]
        return self.recomputing(loss, params, batch)

    def recomputing(self, loss: Callable, params: Any, *batch: Any) -> Partial:
        """Returns `product(batch, v)`, or `product(v)` at a given batch, that keeps nothing."""
        return Partial(self.recomputed, loss, params, *batch)

    def unit(self, space: trees.Space) -> float | None:
        """Returns the error that products have at best; None for that of the arithmetic."""
        return space.eps ** (2 / 3) if self.coarse else None

    def fits(self, loss: Callable, params: Any, batch: Any) -> bool:
        """Whether the linearisation fits into memory, by an abstract evaluation, whose trace they use."""
        kept = jax.tree.leaves(linearize.eval_shape(loss, params, batch)[2])
        needed = sum(leaf.size * leaf.dtype.itemsize for leaf in kept)
        return memory.fits(needed, memory.device_free(), LINEARIZATION_SHARE)


def working(
    name: str,
    attempt: Callable[[Mode], Any],
    loss: Callable,
    params: Any,
    batch: Callable[[], Any],
    *,
    streamed: bool = False,
) -> Any:
    """Returns what `attempt(mode)` makes in the mode of a name; for "auto", in the first that works and fits.

    Args:
      name: of the mode, or "auto".
      attempt: makes a product and multiplies once: a rule that is missing may not be missed before that.
      loss: a loss.
      params: where.
      batch: gives the first batch.
      streamed: data pass by, so that nothing can be kept.

    Raises:
      ValueError: if the gradient has no derivative of the kind that the mode takes.
    """
    tried = list(MODES.values()) if name == AUTO else [MODES[name]]
    if streamed:
        tried = [
            mode for mode in MODES.values() if not mode.keeps and mode.recomputed in _of(tried)
        ]
    failure = None
    for mode in tried:
        try:
            if name != AUTO or not mode.keeps or mode.fits(loss, params, batch()):
                return attempt(mode)
        except NO_RULE as error:
            failure = failure or (mode, error)
    mode, error = failure
    # Whatever is wrong with the gradient itself is the user's to see as it is.
    gradient(loss, params, batch())
    raise ValueError(
        f"the gradient of `loss` has no {mode.rule}, which mode={mode.name!r} takes, as with attention kernels "
        "that define their own backward pass. Pass mode='finite-difference' or mode='auto' to `hessian`. "
        f"JAX says: {first_line(error)}"
    ) from error


def _of(tried):
    return [mode.recomputed for mode in tried]


def first_line(error: Exception) -> str:
    """Returns what an error says first."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def with_truncation_error(op: LinearOperator, coarse: LinearOperator) -> LinearOperator:
    """Raises the noise of a finite difference to its truncation error.

    The difference of two steps, one twice the other, is three times that error (Richardson 1911). It is
    taken along the curvature, where the error is largest, after three steps of power iteration.

    Args:
      op: a Hessian from finite differences.
      coarse: the same one from steps twice as long.
    """
    w = jnp.asarray(np.random.default_rng(1).standard_normal(op.space.size), op.dtype)
    for _ in range(3):
        w = _unit(op.flat_product(w))
    error = _relative_gap(coarse.flat_product(w), op.flat_product(w)) / 3
    return dataclasses.replace(op, noise=jnp.maximum(op.noise, error))


# The linearisation must come out of a cached trace: its jaxpr is part of the result's structure, and
# products at another checkpoint share their compilation only if it is the very same object.
@jax.jit
def linearize(loss: Callable, params: Any, batch: Any) -> tuple[jax.Array, Any, Partial]:
    """Returns the loss, its gradient, and the Hessian's product as a pytree of arrays."""

    def slope_and_value(p):
        value, slope = jax.value_and_grad(loss)(p, batch)
        return slope, value

    with jax.default_matmul_precision("highest"):
        slope, product, value = jax.linearize(slope_and_value, params, has_aux=True)
    return value, slope, product


# Compiled parts, so that a trace made for a check serves the product as well.
@jax.jit
def _forward_over_reverse(loss: Callable, params: Any, batch: Any, v: Any) -> Any:
    """Differentiates the gradient along v, recomputing it (Pearlmutter 1994)."""
    with jax.default_matmul_precision("highest"):
        return jax.jvp(lambda p: jax.grad(loss)(p, batch), (params,), (v,))[1]


@jax.jit
def _reverse_over_reverse(loss, params, batch, v):
    with jax.default_matmul_precision("highest"):
        return jax.grad(lambda p: trees.vdot(jax.grad(loss)(p, batch), v))(params)


def _central_difference(factor, loss, params, batch, v):
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


_fine, _coarse = (jax.jit(functools.partial(_central_difference, factor)) for factor in (1, 2))
_COARSE = Mode("finite-difference", _coarse)
_KINKS = (
    "A finite difference sees kinks (ReLU) within its step, and the rounding of the gradient: use "
    "an exact mode, or float64."
)
_JVP = "forward derivative"
# In the order that "auto" tries them in.
MODES = {
    mode.name: mode
    for mode in (
        Mode("linearized", _forward_over_reverse, keeps=True, rule=_JVP),
        Mode("forward-over-reverse", _forward_over_reverse, rule=_JVP),
        Mode("reverse-over-reverse", _reverse_over_reverse, rule="backward derivative"),
        Mode("finite-difference", _fine, cause=_KINKS, coarse=_COARSE),
    )
}

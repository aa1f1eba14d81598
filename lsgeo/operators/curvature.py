"""Curvature of a loss as linear operators: the Hessian and the Gauss-Newton matrix."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators import checks, streaming
from lsgeo.operators.base import LinearOperator, operator_class


@operator_class(meta=("space",))
class Curvature(LinearOperator):
    """A curvature matrix given by a product that is itself a pytree of arrays."""

    product: Partial
    space: trees.Space
    noise: jax.Array

    def matvec(self, v):
        return self.product(v)


def hessian(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    mode: str = "linearized",
) -> LinearOperator:
    """Returns the Hessian of `loss` at `params` as a linear operator.

    The default linearises the gradient once and re-uses the linearisation for every product, at
    about two gradients each (Pearlmutter 1994 gives the recurrences that it amounts to). Before it
    is returned the operator is tested: see `lsgeo.operators.checks`.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the batch's examples; pure. A loss that is
        itself a registered pytree may carry arrays, such as frozen batch statistics.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, a list of such batches or another object that can be iterated
        again and again. Ragged batches are weighted by their true number of examples.
      mode: "linearized", or "forward-over-reverse" or "reverse-over-reverse", which recompute the
        primal in each product and need less memory. Streamed batches always recompute.

    Returns:
      A symmetric operator in the units loss / parameter^2.

    Raises:
      ValueError: if the loss is not a finite real scalar, is random, or its Hessian is not symmetric
        to rounding (dropout, batch normalisation in training mode); if the arguments do not fit.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import hessian
      >>> def loss(w, x):
      ...     return 0.5 * jnp.mean((x @ w) ** 2)
      >>> op = hessian(loss, jnp.ones(2), jnp.array([[1.0, 0.0], [0.0, 2.0]]))
      >>> (op @ jnp.ones(2)).tolist()
      [0.5, 2.0]
    """
    modes = ("linearized", *_PRODUCTS)
    if mode not in modes:
        raise ValueError(f"`mode` must be one of {', '.join(modes)}; got {mode!r}.")
    space = trees.space_of(params)
    loss = trees.as_pytree(loss, "loss")
    concrete = not isinstance(jax.tree.leaves(params)[0], jax.core.Tracer)
    if concrete:
        trees.check_finite(params, "params")
    if batches is not None:
        if batch is not None:
            raise ValueError("pass either `batch` or `batches`, not both.")
        product = Partial(_hessian_product, loss, params)
        data = streaming.Batches.of(batches)
        first = data.first()
        checks.check_loss(loss, params, first)
        checks.check_value(_value(loss, params, first))
        return streaming.streamed(product, space, data)
    if concrete:
        checks.check_loss(loss, params, batch)
    if mode == "linearized":
        value, _, product = _linearize(loss, params, batch)
    else:
        value, product = _value(loss, params, batch), Partial(_PRODUCTS[mode], loss, params, batch)
    if concrete:
        checks.check_value(value)
    return _checked(product, space, concrete)


def value_gradient_hessian(
    loss: Callable[[Any, Any], jax.Array], params: Any, batch: Any
) -> tuple[float, Any, LinearOperator]:
    """Returns the loss, its gradient (like `params`) and its Hessian from one linearisation.

    Raises:
      ValueError: as `hessian`.
    """
    space = trees.space_of(params)
    loss = trees.as_pytree(loss, "loss")
    trees.check_finite(params, "params")
    checks.check_loss(loss, params, batch)
    value, gradient, product = _linearize(loss, params, batch)
    checks.check_value(value)
    return float(value), gradient, _checked(product, space, True)


def gauss_newton(
    predict: Callable[[Any, Any], Any],
    criterion: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
) -> LinearOperator:
    """Returns the generalised Gauss-Newton matrix J' H_out J of `criterion(predict(params))`.

    J is the Jacobian of the outputs and H_out the Hessian of the criterion in the outputs
    (Schraudolph 2002). Positive semi-definite where the criterion is convex.

    Args:
      predict: `predict(params, batch) -> outputs`.
      criterion: `criterion(outputs, batch) -> scalar`, the mean over the batch's examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, batches that can be iterated again and again.

    Returns:
      A symmetric operator in the units loss / parameter^2.

    Raises:
      ValueError: as `hessian`.
    """
    space = trees.space_of(params)
    predict, criterion = (
        trees.as_pytree(predict, "predict"),
        trees.as_pytree(criterion, "criterion"),
    )
    trees.check_finite(params, "params")
    if batches is not None:
        if batch is not None:
            raise ValueError("pass either `batch` or `batches`, not both.")
        data = streaming.Batches.of(batches)
        first = data.first()
        checks.check_loss(lambda p, b: criterion(predict(p, b), b), params, first)
        return streaming.streamed(
            Partial(_gauss_newton_product, predict, criterion, params), space, data
        )
    checks.check_loss(lambda p, b: criterion(predict(p, b), b), params, batch)
    return _checked(_linearize_gauss_newton(predict, criterion, params, batch), space, True)


def _checked(product: Partial, space: trees.Space, concrete: bool) -> LinearOperator:
    eps = jnp.finfo(space.dtype).eps
    op = Curvature(product, space, jnp.asarray(eps, space.dtype))
    if not concrete:
        return op
    return Curvature(product, space, checks.measure_noise(op))


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


@jax.jit
def _value(loss, params, batch):
    return loss(params, batch)


@jax.jit
def _linearize_gauss_newton(predict, criterion, params, batch):
    with jax.default_matmul_precision("highest"):
        outputs, jvp = jax.linearize(lambda p: predict(p, batch), params)
        curvature = jax.linearize(lambda o: jax.grad(criterion)(o, batch), outputs)[1]
    return Partial(_chain, jvp, curvature)


def _chain(jvp, curvature, v):
    return jax.linear_transpose(jvp, v)(curvature(jvp(v)))[0]


def _hessian_product(loss, params, batch, v):
    with jax.default_matmul_precision("highest"):
        return jax.jvp(lambda p: jax.grad(loss)(p, batch), (params,), (v,))[1]


def _reverse_over_reverse(loss, params, batch, v):
    with jax.default_matmul_precision("highest"):
        return jax.grad(lambda p: trees.vdot(jax.grad(loss)(p, batch), v))(params)


def _gauss_newton_product(predict, criterion, params, batch, v):
    with jax.default_matmul_precision("highest"):
        outputs, jv = jax.jvp(lambda p: predict(p, batch), (params,), (v,))
        hjv = jax.jvp(lambda o: jax.grad(criterion)(o, batch), (outputs,), (jv,))[1]
        return jax.vjp(lambda p: predict(p, batch), params)[1](hjv)[0]


_PRODUCTS = {
    "forward-over-reverse": _hessian_product,
    "reverse-over-reverse": _reverse_over_reverse,
}

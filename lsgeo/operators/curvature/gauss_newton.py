"""The Gauss-Newton matrix, and the Hessian as the sum of it and the rest."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
from jax.tree_util import Partial

from lsgeo import trees
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products import streaming
from lsgeo.operators.products.product import anew, checked, sandwich

SOURCE = "`predict` and `criterion`"


def gauss_newton(
    predict: Callable[[Any, Any], Any],
    criterion: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    weights: Any = None,
) -> LinearOperator:
    """Returns the generalised Gauss-Newton matrix J' H_out J of `criterion(predict(params))`.

    J is the Jacobian of the outputs and H_out the Hessian of the criterion in the outputs
    (Schraudolph 2002). Positive semi-definite where the criterion is convex.

    Args:
      predict: `predict(params, batch) -> outputs`.
      criterion: `criterion(outputs, batch) -> scalar`, the mean over the batch's examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, batches that can be iterated again and again in one order.
      weights: [N] non-negative weights of all examples, as in `hessian`. The outputs must then have the
        examples on their leading axis; the criterion is called on one example at a time, under `vmap`.

    Returns:
      A symmetric operator in the units loss / parameter^2.

    Raises:
      ValueError: as `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import gauss_newton
      >>> def predict(w, x):
      ...     return (x @ w) ** 2
      >>> def criterion(outputs, x):
      ...     return 0.5 * jnp.mean(outputs**2)
      >>> (gauss_newton(predict, criterion, jnp.ones(1), jnp.ones((3, 1))) @ jnp.ones(1)).tolist()
      [4.0]
    """
    space, loss, predict, criterion = _prepared(predict, criterion, params)
    weighted = (
        Partial(ex.predict_examples, predict),
        Partial(ex.weighted_criterion, criterion),
        params,
    )
    if batches is not None:
        data = streaming.Batches.of(batches, batch)
        first = data.first()
        checks.check_composed(predict, criterion, params, first)
        ex.check_mean(loss, params, first, "criterion")
        if weights is not None or len(set(data.counts)) > 2:
            _check_outputs(predict, params, first)
        del first  # A pass has two batches on the device, not three.
        products = [
            Partial(anew, Partial(_linearize, *parts))
            for parts in ((predict, criterion, params), weighted)
        ]
        return streaming.streamed(*products, space, data, weights=weights, source=SOURCE)
    checks.check_composed(predict, criterion, params, batch)
    if weights is None:
        return checked(_linearize(predict, criterion, params, batch), space, source=SOURCE)
    ex.check_mean(loss, params, batch, "criterion")
    _check_outputs(predict, params, batch)
    return checked(
        _linearize(*weighted, ex.whole(batch, space.dtype, weights)), space, source=SOURCE
    )


def split_hessian(
    predict: Callable[[Any, Any], Any],
    criterion: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any,
) -> tuple[LinearOperator, LinearOperator]:
    """Returns the Hessian's two parts, G and R with H = G + R, from one linearisation.

    G = J' H_out J is the Gauss-Newton matrix; R = sum_k (d criterion / d output_k) Hessian(output_k) is
    the rest, also called the functional part (Singh, Bachmann and Hofmann 2021, section 3). R is in
    general indefinite; it vanishes where the outputs fit, or are linear in the parameters.

    Args:
      predict: `predict(params, batch) -> outputs`.
      criterion: `criterion(outputs, batch) -> scalar`.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.

    Returns:
      (G, R), symmetric operators in the units loss / parameter^2.

    Raises:
      ValueError: as `hessian`.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import split_hessian
      >>> def predict(w, x):
      ...     return x * w[0] * w[1]
      >>> def criterion(outputs, x):
      ...     return 0.5 * jnp.mean((outputs - 3.0) ** 2)
      >>> for part in split_hessian(predict, criterion, jnp.ones(2), jnp.ones(1)):
      ...     print(part.to_dense().tolist())
      [[1.0, 1.0], [1.0, 1.0]]
      [[0.0, -2.0], [-2.0, 0.0]]
    """
    space, _, predict, criterion = _prepared(predict, criterion, params)
    checks.check_composed(predict, criterion, params, batch)
    value, tangents, curvature = _linearize_both(predict, criterion, params, batch)
    checks.check_value(value, "criterion")
    # Outside of `jit`, which would return the linearisation twice over.
    first_order = Partial(sandwich, Partial(_first, tangents), curvature)
    second_order = Partial(_second, tangents)
    return tuple(checked(part, space, source=SOURCE) for part in (first_order, second_order))


def _composed(predict: Callable, criterion: Callable, params: Any, batch: Any) -> jax.Array:
    """Returns criterion(predict(params)); with both bound, a loss."""
    return criterion(predict(params, batch), batch)


def _prepared(predict, criterion, params):
    space = trees.space_of(params)
    predict = trees.as_pytree(predict, "predict")
    criterion = trees.as_pytree(criterion, "criterion")
    trees.check_finite(params, "params")
    return space, Partial(_composed, predict, criterion), predict, criterion


def _check_outputs(predict, params, batch):
    num = ex.num_examples(batch)
    shapes = [leaf.shape for leaf in jax.tree.leaves(jax.eval_shape(predict, params, batch))]
    if any(shape[:1] != (num,) for shape in shapes):
        raise ValueError(
            f"`predict` must return arrays with the {num} examples on the leading axis where examples have "
            f"weights; got shapes {', '.join(map(str, shapes))}."
        )


@jax.jit
def _linearize(predict, criterion, params, batch):
    with jax.default_matmul_precision("highest"):
        outputs, jvp = jax.linearize(lambda p: predict(p, batch), params)
        curvature = jax.linearize(lambda o: jax.grad(criterion)(o, batch), outputs)[1]
    return Partial(sandwich, jvp, curvature)


@jax.jit
def _linearize_both(predict, criterion, params, batch):
    def outputs_and_pullback(p):
        outputs, pull = jax.vjp(lambda q: predict(q, batch), p)
        # Held fixed: its own change with the parameters is what G accounts for.
        slope = jax.lax.stop_gradient(jax.grad(criterion)(outputs, batch))
        return outputs, pull(slope)[0]

    with jax.default_matmul_precision("highest"):
        (outputs, _), tangents = jax.linearize(outputs_and_pullback, params)
        curvature = jax.linearize(lambda o: jax.grad(criterion)(o, batch), outputs)[1]
    return criterion(outputs, batch), tangents, curvature


def _first(tangents, v):
    return tangents(v)[0]


def _second(tangents, v):
    return tangents(v)[1]

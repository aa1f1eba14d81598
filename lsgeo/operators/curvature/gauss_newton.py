"""The Gauss-Newton matrix, and the Hessian as the sum of it and the rest."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.operators import _mixing, checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import _jacobians as jacobians
from lsgeo.operators.products import counts, means, streaming
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products.product import anew, multiplied, preflight, sandwich, unchecked

SOURCE = "`predict` and `criterion`"


@accepts(params=as_params, batch=as_arrays)
def gauss_newton(
    predict: Callable[[Any, Any], Any],
    criterion: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    weights: Any = None,
    count: Callable[[Any], Any] | None = None,
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
      count: what the criterion of a batch is a mean over, as in `hessian`.

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
    space = _space(params)
    data = None if batches is None else streaming.Batches.of(batches, batch, count)
    predict, criterion = _let_in(predict, criterion, params, batch, data, weights is not None)
    if data is not None:
        return _streamed(_linearize, predict, criterion, params, data, weights)
    parts = predict, criterion
    if weights is None:
        _mixing.warn(Partial(_composed, *parts), params, batch, "criterion")
    else:
        told = Partial(_composed, *parts)
        means.check_batch_mean(told, params, batch, count=count, name="criterion")
        shares = counts.weigh(weights, counts.each(count, batch))
        parts, batch = _weighted(*parts), ex.sound(ex.whole(batch, space.dtype, shares))

    def attempt(way):
        return multiplied(unchecked(_linearize(way, *parts, params, batch), space, way.name))

    return preflight(*jacobians.working(attempt, SOURCE), source=SOURCE)


@accepts(params=as_params, batch=as_arrays)
def split_hessian(
    predict: Callable[[Any, Any], Any],
    criterion: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> tuple[LinearOperator, LinearOperator]:
    """Returns the Hessian's two parts, G and R with H = G + R.

    Of one batch both come from one linearisation; streamed, each linearises anew in every product.

    G = J' H_out J is the Gauss-Newton matrix; R = sum_k (d criterion / d output_k) Hessian(output_k) is
    the rest, also called the functional part (Singh, Bachmann and Hofmann 2021, section 3). R is in
    general indefinite; it vanishes where the outputs fit, or are linear in the parameters.

    Args:
      predict: `predict(params, batch) -> outputs`.
      criterion: `criterion(outputs, batch) -> scalar`, the mean over the batch's examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, batches that can be iterated again and again in one order.
      count: what the criterion of a batch is a mean over, as in `hessian`.

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
    space = _space(params)
    data = None if batches is None else streaming.Batches.of(batches, batch, count)
    predict, criterion = _let_in(predict, criterion, params, batch, data)
    if data is not None:
        kinds = _linearize, _linearize_rest
        return tuple(_streamed(kind, predict, criterion, params, data) for kind in kinds)
    _mixing.warn(Partial(_composed, predict, criterion), params, batch, "criterion")
    outputs = trees.space_of(programs.outputs(predict, "predict", params, batch), "outputs")

    def attempt(way):
        value, both, curvature = _linearize_both(way, predict, criterion, params, batch)
        # Outside of `jit`, which would return the linearisation twice over.
        jacobian, rest = way.parts(both, space, outputs)
        parts = Partial(sandwich, jacobian, curvature), rest
        return value, [multiplied(unchecked(part, space, way.name)) for part in parts]

    value, made = jacobians.working(attempt, SOURCE)
    if not programs.is_traced(value):
        checks.check_value(value, "criterion")
    return tuple(preflight(*part, source=SOURCE) for part in made)


def _composed(predict: Callable, criterion: Callable, params: Any, batch: Any) -> jax.Array:
    """Returns criterion(predict(params)); with both bound, a loss."""
    return criterion(predict(params, batch), batch)


def _space(params):
    trees.check_finite(params, "params")
    return trees.space_of(params)


def _traced(predict, criterion, params, batch):
    """Lets both parts of a loss in, and names the one that is wrong."""
    predict = programs.traced(predict, "predict", params, batch)
    outputs = programs.outputs(predict, "predict", params, batch)
    checks.check_real(outputs, "predict")
    criterion = programs.traced(criterion, "criterion", outputs, batch)
    checks.check_scalar(programs.outputs(criterion, "criterion", outputs, batch), "criterion")
    return predict, criterion


def _weighted(predict, criterion):
    return Partial(ex.predict_examples, predict), Partial(ex.weighted_criterion, criterion)


def _let_in(predict, criterion, params, batch, data, weighted=False):
    """Checks both functions; in a function of its own: a pass has two batches on the device, not three."""
    first = batch if data is None else data.first()
    predict, criterion = _traced(predict, criterion, params, first)
    if data is not None:
        loss = Partial(_composed, predict, criterion)
        checks.check_value(evaluate(loss, params, first), "criterion")
        means.check_mean(loss, params, data.telling, count=data.count, name="criterion")
    if weighted or (data is not None and len(set(data.sizes)) > 2):
        _check_outputs(predict, params, first)
    return predict, criterion


def _streamed(linearize, predict, criterion, params, data, weights=None):
    space = _space(params)

    def attempt(way):
        # Of the mean over a batch, and of the weighted sum over Examples.
        products = [
            Partial(anew, Partial(linearize, way, *parts, params))
            for parts in ((predict, criterion), _weighted(predict, criterion))
        ]
        op = streaming.streamed(*products, space, data, weights=weights, mode=way.name)
        return op.tried()

    return preflight(*jacobians.working(attempt, SOURCE), source=SOURCE)


def _check_outputs(predict, params, batch):
    num = ex.num_examples(batch)
    outputs = programs.outputs(predict, "predict", params, batch)
    shapes = [leaf.shape for leaf in jax.tree.leaves(outputs)]
    if any(shape[:1] != (num,) for shape in shapes):
        raise ValueError(
            f"`predict` must return arrays with the {num} examples on the leading axis where examples have "
            f"weights; got shapes {', '.join(map(str, shapes))}."
        )


@jax.jit
def _linearize(way, predict, criterion, params, batch):
    with jax.default_matmul_precision("highest"):
        outputs, jacobian = way.jacobian(lambda p: predict(p, batch), params)
        curvature = way.symmetric(lambda o: jax.grad(criterion)(o, batch), outputs)
    return Partial(sandwich, jacobian, curvature)


@jax.jit
def _linearize_both(way, predict, criterion, params, batch):
    def outputs_and_pullback(p):
        outputs, pull = jax.vjp(lambda q: predict(q, batch), p)
        # Held fixed: its own change with the parameters is what G accounts for.
        slope = jax.lax.stop_gradient(jax.grad(criterion)(outputs, batch))
        return outputs, pull(slope)[0]

    with jax.default_matmul_precision("highest"):
        outputs, both = way.split(outputs_and_pullback, params)
        curvature = way.symmetric(lambda o: jax.grad(criterion)(o, batch), outputs)
    return criterion(outputs, batch), both, curvature


@jax.jit
def _linearize_rest(way, predict, criterion, params, batch):
    outputs = trees.space_of(jax.eval_shape(predict, params, batch), "outputs")
    both = _linearize_both(way, predict, criterion, params, batch)[1]
    return way.parts(both, trees.space_of(params), outputs)[1]

"""Second moments of the per-example gradients, which are never formed one by one.

The per-example losses are one function of the parameters with N outputs; its Jacobian's rows are the
gradients. So J v and J' u, from one linearisation, are all that is needed.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import _jacobians as jacobians
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products import streaming
from lsgeo.operators.products.product import anew, multiplied, preflight, sandwich, unchecked


def empirical_fisher(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
) -> LinearOperator:
    """Returns (1/N) sum_n g_n g_n', g_n the gradient of one example's loss at its observed label.

    Neither the Fisher matrix nor an approximation of the Hessian in general (Kunstner, Balles and Hennig
    2019); it vanishes where every example is fitted.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the batch's examples; it is called on batches
        of one example, under `vmap`.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, batches that can be iterated again and again in one order.

    Returns:
      A positive semi-definite operator in the units loss^2 / parameter^2.

    Raises:
      ValueError: as `hessian`, and if the loss is not a mean over examples.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import empirical_fisher
      >>> op = empirical_fisher(lambda w, x: jnp.mean(x @ w), jnp.ones(1), jnp.array([[1.0], [3.0]]))
      >>> op.to_dense().tolist()
      [[5.0]]
    """
    space, loss, data = _prepared(loss, params, batch, batches)
    return _operator(Partial(_linearize, loss, params), space, batch, data)


def gradient_covariance(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
) -> LinearOperator:
    """Returns (1/N) sum_n (g_n - g)(g_n - g)', the covariance of the per-example gradients.

    g is the mean gradient of all the data, also where they come in `batches`. The noise of a gradient from B
    examples drawn with replacement has this covariance divided by B. Products are centred before they are
    summed, so that nothing cancels where g is large.

    Args:
      loss: as `empirical_fisher`.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      batches: instead of `batch`, batches that can be iterated again and again in one order.

    Returns:
      A positive semi-definite operator in the units loss^2 / parameter^2.

    Raises:
      ValueError: as `empirical_fisher`, or if there is one example only.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import gradient_covariance
      >>> op = gradient_covariance(lambda w, x: jnp.mean(x @ w), jnp.ones(1), jnp.array([[1.0], [3.0]]))
      >>> op.to_dense().tolist()
      [[1.0]]
    """
    space, loss, data = _prepared(loss, params, batch, batches)
    if (ex.num_examples(batch) if data is None else data.total) == 1:
        raise ValueError("`batch` has one example, which has no covariance; pass at least two.")
    if data is None:
        parts = [ex.whole(batch, space.dtype)]
    else:
        parts = data.examples(ex.normalized(None, data.total).astype(space.dtype))
    mean = jax.tree.map(jnp.zeros_like, params)
    for part in parts:
        mean = jax.block_until_ready(_add_gradient(mean, loss, params, part))
    return _operator(Partial(_linearize_centred, loss, params, mean), space, batch, data)


def _prepared(loss, params, batch, batches):
    space = trees.space_of(params)
    trees.check_finite(params, "params")
    data = None
    if batches is not None:
        data = streaming.Batches.of(batches, batch)
        batch = data.first()
    loss = programs.traced(loss, "loss", params, batch)
    checks.check_loss(loss, params, batch)
    if not programs.is_traced(loss, params, batch):
        checks.check_value(evaluate(loss, params, batch))
        ex.check_mean(loss, params, batch)
    return space, loss, data


def _operator(linearize, space, batch, data):
    """Makes the operator from `linearize(way, examples)`, in the first way that works."""

    def attempt(way):
        part = Partial(linearize.func, way, *linearize.args)
        if data is not None:
            return streaming.streamed(None, Partial(anew, part), space, data, mode=way.name).tried()
        return multiplied(unchecked(part(ex.whole(batch, space.dtype)), space, way.name))

    return preflight(*jacobians.working(attempt, "`loss`"))


@jax.jit
def _add_gradient(total, loss, params, examples):
    with jax.default_matmul_precision("highest"):
        gradient = jax.grad(ex.weighted_loss, argnums=1)(loss, params, examples)
    return jax.tree.map(jnp.add, total, gradient)


def _losses(way, loss, params, batch):
    with jax.default_matmul_precision("highest"):
        return way.jacobian(lambda p: ex.per_example(loss, p, batch), params)[1]


@jax.jit
def _linearize(way, loss, params, examples):
    jacobian = _losses(way, loss, params, examples.batch)
    return Partial(sandwich, jacobian, Partial(trees.scaled, examples.weights))


@jax.jit
def _linearize_centred(way, loss, params, mean, examples):
    jacobian = _losses(way, loss, params, examples.batch)
    return Partial(_centred_product, jacobian, examples.weights, mean)


def _centred_product(jacobian, weights, mean, v):
    along = jacobian.along(v)
    centred = trees.scaled(weights, along - trees.vdot(mean, v).astype(along.dtype))
    spread = jacobian.back(centred)
    # Zero over all the data but for rounding; within one of several batches it is not.
    left = jnp.sum(centred)
    return jax.tree.map(lambda s, m: s - trees.scaled(left, m), spread, mean)

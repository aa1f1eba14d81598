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
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import _jacobians as jacobians
from lsgeo.operators.products import counts, means, streaming
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products.product import anew, multiplied, preflight, sandwich, unchecked


@accepts(params=as_params, batch=as_arrays)
def empirical_fisher(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
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
      count: as in `hessian`, also for one `batch`: the mean over examples becomes
        sum_n count_n g_n g_n' / sum_n count_n, g_n still the gradient of the example's own loss. (Where each
        token is to have a gradient of its own, put tokens on the leading axis.)

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
    space, loss, data = _prepared(loss, params, batch, batches, count)
    return _operator(Partial(_linearize, loss, params), space, data or _whole(batch, space, count))


@accepts(params=as_params, batch=as_arrays)
def gradient_covariance(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
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
      count: as `empirical_fisher`: the examples of the noise's batch are drawn with these chances.

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
    space, loss, data = _prepared(loss, params, batch, batches, count)
    if (ex.num_examples(batch) if data is None else data.total) == 1:
        raise ValueError("`batch` has one example, which has no covariance; pass at least two.")
    if data is None:
        data = _whole(batch, space, count)
    parts = [data] if batches is None else data.examples(data.weigh().astype(space.dtype))
    mean = jax.tree.map(jnp.zeros_like, params)
    for part in parts:
        mean = jax.block_until_ready(_add_gradient(mean, loss, params, part))
    return _operator(Partial(_linearize_centred, loss, params, mean), space, data)


def _prepared(loss, params, batch, batches, count):
    space = trees.space_of(params)
    trees.check_finite(params, "params")
    data = None
    if batches is not None:
        data = streaming.Batches.of(batches, batch, count)
        batch = data.first()
    loss = programs.traced(loss, "loss", params, batch)
    checks.check_loss(loss, params, batch)
    if data is not None:
        checks.check_value(evaluate(loss, params, batch))
        means.check_mean(loss, params, data.telling, count=count)
    elif not programs.is_traced(loss, params, batch):
        means.check_batch_mean(loss, params, batch, count=count)
    return space, loss, data


def _whole(batch, space, count):
    shares = None if count is None else counts.weigh(None, counts.each(count, batch))
    return ex.sound(ex.whole(batch, space.dtype, shares))


def _operator(linearize, space, data):
    """Makes the operator from `linearize(way, examples)`, in the first way that works."""

    def attempt(way):
        part = Partial(linearize.func, way, *linearize.args)
        if isinstance(data, ex.Examples):
            return multiplied(unchecked(part(data), space, way.name))
        return streaming.streamed(None, Partial(anew, part), space, data, mode=way.name).tried()

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
    apart = along - trees.vdot(mean, v).astype(along.dtype)
    # Gradients that are all alike differ by the rounding of these products, which has no symmetry.
    rounding = trees.space_of(v).eps * trees.norm(mean) * trees.norm(v)
    apart = jnp.where(jnp.abs(apart) <= rounding.astype(along.dtype), 0, apart)
    centred = trees.scaled(weights, apart)
    spread = jacobian.back(centred)
    # Zero over all the data but for rounding; within one of several batches it is not.
    left = jnp.sum(centred)
    return jax.tree.map(lambda s, m: s - trees.scaled(left, m), spread, mean)

"""The neural tangent kernel of a batch."""

from collections.abc import Callable
from typing import Any

import jax
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.products import _jacobians as jacobians
from lsgeo.operators.products.product import multiplied, preflight, unchecked


@accepts(params=as_params, batch=as_arrays)
def ntk(predict: Callable[[Any, Any], Any], params: Any, batch: Any) -> LinearOperator:
    """Returns the empirical neural tangent kernel J J' as an operator on the outputs.

    J is the Jacobian of all outputs of the batch in the parameters (Jacot, Gabriel and Hongler 2018). Its
    nonzero eigenvalues are those of J'J: divided by N, of `fisher(..., likelihood="gaussian")`.

    Args:
      predict: `predict(params, batch) -> outputs`, a pytree of arrays.
      params: pytree of floating-point arrays.
      batch: pytree of arrays. It is one batch: the kernel of two batches has entries between them. It is no
        mean, so that nothing is counted.

    Returns:
      A positive semi-definite operator on pytrees like the outputs, in the units output^2 / parameter^2,
      not divided by the number of examples.

    Raises:
      ValueError: if the outputs are not real floating-point arrays, not finite, or random.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import ntk
      >>> ntk(lambda w, x: x @ w, jnp.ones(1), jnp.array([[1.0], [2.0]])).to_dense().tolist()
      [[1.0, 2.0], [2.0, 4.0]]
    """
    eps = trees.space_of(params).eps
    trees.check_finite(params, "params")
    predict = programs.traced(predict, "predict", params, batch)

    def attempt(way):
        outputs, product = _linearize(way, predict, params, batch)
        op = unchecked(product, trees.space_of(outputs, "outputs"), way.name)
        return outputs, *multiplied(op)

    outputs, *made = jacobians.working(attempt, "`predict`")
    trees.check_finite(outputs, "outputs")
    # Outputs of a wider dtype than that of the parameters are no more exact than these.
    return preflight(*made, unit=max(eps, made[0].space.eps), source="`predict`")


@jax.jit
def _linearize(way, predict, params, batch):
    with jax.default_matmul_precision("highest"):
        outputs, jacobian = way.jacobian(lambda p: predict(p, batch), params)
    return outputs, Partial(_product, jacobian)


def _product(jacobian, u):
    return jacobian.along(jacobian.back(u))

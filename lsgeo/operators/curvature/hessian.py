"""The Hessian of a loss as a linear operator."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_one_of
from lsgeo.operators import _mixing, checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import counts, means, modes, streaming
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products.product import multiplied, preflight, unchecked


@accepts(params=as_params, batch=as_arrays)
def hessian(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    weights: Any = None,
    count: Callable[[Any], Any] | None = None,
    mode: str = "auto",
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
        again and again in one order, from the host's memory or from disk. Batches may be ragged; at
        most two shapes are compiled, and the device holds two batches at a time.
      weights: [N] non-negative weights of all examples, in the order of the data; the loss becomes
        sum_i w_i loss_i / sum_i w_i. The loss is then called on batches of one example, under `vmap`.
      count: a function of a batch, called on the host: what its loss is a mean over, such as the number of
        unmasked tokens, or the sum of the weights where it is divided by that. None: its examples. The loss of
        all data is the mean of the batches' with their counts as weights, and with `weights`
        sum_i w_i count_i loss_i / sum_i w_i count_i; what counts nothing is left out. The loss of one
        `batch` without weights is what it is, whatever it counts.
      mode: "linearized"; "forward-over-reverse" or "reverse-over-reverse", which recompute the
        primal in each product and keep nothing; "finite-difference", the central difference of the
        gradient with step eps^(1/3) ||params|| / ||v||, for kernels without a forward derivative,
        exact to about eps^(2/3). "auto" takes the first that works, also when it is lowered, and whose
        linearisation fits into half of the free memory; the operator's `mode` says which. Streamed
        batches always recompute.

    Returns:
      A symmetric operator in the units loss / parameter^2.

    Raises:
      ValueError: if the loss is not a finite real scalar, is random, is not a mean over examples, or over
        what `count` counts, where it is streamed or weighted, or its Hessian is not symmetric to rounding;
        if the arguments do not fit.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import hessian
      >>> def loss(w, x):
      ...     return 0.5 * jnp.mean((x @ w) ** 2)
      >>> op = hessian(loss, jnp.ones(2), jnp.array([[1.0, 0.0], [0.0, 2.0]]))
      >>> (op @ jnp.ones(2)).tolist()
      [0.5, 2.0]
    """
    check_one_of(mode, "mode", [modes.AUTO, *modes.MODES])
    space = trees.space_of(params)
    trees.check_finite(params, "params")
    streamed = batches is not None or weights is not None
    if streamed and programs.is_traced(params, batch, weights):
        raise ValueError("inside `jit`, `hessian` takes neither `batches` nor `weights`.")
    if batches is not None:
        data = streaming.Batches.of(batches, batch, count)
        return _streamed(loss, params, space, data, weights, mode)
    loss = programs.traced(loss, "loss", params, batch)
    checks.check_loss(loss, params, batch)
    if weights is not None:
        means.check_batch_mean(loss, params, batch, count=count)
        shares = counts.weigh(weights, counts.each(count, batch))
        loss = Partial(ex.weighted_loss, loss)
        batch = ex.sound(ex.whole(batch, space.dtype, shares))
    else:
        _mixing.warn(loss, params, batch)
    return _at(loss, params, batch, mode)[2]


@accepts(params=as_params, batch=as_arrays)
def value_gradient_hessian(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> tuple[float, Any, LinearOperator]:
    """Returns the loss, its gradient (like `params`) and its Hessian.

    One linearisation gives all three for a `batch`; `batches` are gone through once for the loss and the
    gradient. `count` as in `hessian`.

    Raises:
      ValueError: as `hessian`.
    """
    if batches is not None:
        data = streaming.Batches.of(batches, batch, count)
        loss = programs.traced(loss, "loss", params, data.first())
        op = hessian(loss, params, batches=data)
        return *streaming.streamed_gradient(loss, params, data), op
    trees.space_of(params)
    trees.check_finite(params, "params")
    loss = programs.traced(loss, "loss", params, batch)
    checks.check_loss(loss, params, batch)
    _mixing.warn(loss, params, batch)
    return _at(loss, params, batch, modes.AUTO)


def _at(loss, params, batch, mode):
    space = trees.space_of(params)

    def attempt(chosen):
        value, gradient, product = chosen.at(loss, params, batch)
        return chosen, value, gradient, *multiplied(unchecked(product, space, chosen.name))

    chosen, value, gradient, *made = modes.working(mode, attempt, loss, params, lambda: batch)
    op = made[0]
    if programs.is_traced(op):
        return value, gradient, op
    checks.check_value(value)
    op = preflight(*made, unit=chosen.unit(space), cause=chosen.cause)
    if chosen.coarse is not None:
        coarse = unchecked(chosen.coarse.product(loss, params, batch), space)
        op = modes.with_truncation_error(op, coarse)
    return float(value), gradient, op


def _streamed(loss, params, space, data, weights, mode):
    first = data.first()
    loss = programs.traced(loss, "loss", params, first)
    checks.check_loss(loss, params, first)
    checks.check_value(evaluate(loss, params, first))
    means.check_mean(loss, params, data.telling, count=data.count)
    del first  # A pass has two batches on the device, not three.

    def products(mode):
        losses = loss, Partial(ex.weighted_loss, loss)
        return [mode.recomputing(one, params) for one in losses]

    def attempt(chosen):
        op = streaming.streamed(*products(chosen), space, data, weights=weights, mode=chosen.name)
        return chosen, *op.tried()

    chosen, *made = modes.working(mode, attempt, loss, params, data.first, streamed=True)
    op = preflight(*made, unit=chosen.unit(space), cause=chosen.cause)
    if chosen.coarse is None:
        return op
    plain, weighted = products(chosen.coarse)
    return modes.with_truncation_error(op, dataclasses.replace(op, plain=plain, weighted=weighted))

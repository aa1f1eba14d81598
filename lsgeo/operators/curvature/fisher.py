"""The Fisher information matrix of a model's own predictive distribution."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key
from lsgeo.operators import checks
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.products import _jacobians as jacobians
from lsgeo.operators.products import counts, means, streaming
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products.product import anew, multiplied, preflight, sandwich, unchecked

LIKELIHOODS = ("softmax", "gaussian")


@accepts(params=as_params, batch=as_arrays)
def fisher(
    predict: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    likelihood: str = "softmax",
    key: jax.Array | None = None,
    num_samples: int | None = None,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> LinearOperator:
    """Returns the Fisher matrix (1/N) sum_n E_y[g_n(y) g_n(y)'] with y drawn from the model.

    g_n(y) is the gradient of -log p(y | x_n). The exact expectation equals the Gauss-Newton matrix of the
    mean negative log-likelihood (Martens 2020, section 9); no labels enter. With a key, the expectation is
    the mean over `num_samples` labels for each example, drawn once: an unbiased positive semi-definite
    estimate, of rank at most N * num_samples. For observed labels see `empirical_fisher`.

    Args:
      predict: `predict(params, batch) -> outputs`: logits [N, K] for "softmax"; means [N, ...] of a
        distribution of unit variance for "gaussian", where the exact matrix is J'J / N.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      likelihood: "softmax" or "gaussian".
      key: typed random key of the labels; None takes the exact expectation. An example's labels
        depend on the key and its place in the data alone, not on how the data are cut into batches.
      num_samples: labels for each example; given with `key`.
      batches: instead of `batch`, batches that can be iterated again and again in one order.
      count: how much a row of the outputs counts, as a function of a batch as in `hessian`, also for one
        `batch`: the mean becomes sum_n count_n E_y[g_n(y) g_n(y)'] / sum_n count_n, the Gauss-Newton matrix of
        the negative log-likelihood with that mean. A mask in the batch leaves padding out by
        count=lambda batch: batch["mask"].sum().

    Returns:
      A positive semi-definite operator in the units nat / parameter^2.

    Raises:
      ValueError: if the outputs or arguments do not fit, or `predict` is random, or, streamed, mixes
        examples (batch normalisation in training mode).

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import fisher
      >>> op = fisher(lambda w, x: x @ w, jnp.zeros((1, 2)), jnp.ones((5, 1)))
      >>> op.to_dense().tolist()
      [[0.25, -0.25], [-0.25, 0.25]]
    """
    _check_arguments(likelihood, key, num_samples)
    space = trees.space_of(params)
    trees.check_finite(params, "params")
    metric = _EXACT[likelihood]
    if key is not None:
        metric = Partial(_sampled, _SCORES[likelihood], key, np.arange(num_samples))
    data = None if batches is None else streaming.Batches.of(batches, batch, count)
    first = batch if data is None else data.first()
    predict = programs.traced(predict, "predict", params, first)
    check_outputs(predict, params, first, likelihood)
    if data is not None:
        means.check_rowwise(predict, params, data.telling)
    del first  # A pass has two batches on the device, not three.
    shares = None if count is None or data else counts.weigh(None, counts.each(count, batch))

    def attempt(way):
        linearize = Partial(_linearize, way, metric, predict, params)
        if data is not None:
            return streaming.streamed(
                None, Partial(anew, linearize), space, data, mode=way.name
            ).tried()
        examples = ex.whole(batch, space.dtype, shares)
        return multiplied(unchecked(linearize(examples), space, way.name))

    return preflight(*jacobians.working(attempt, "`predict`"), source="`predict`")


def _check_arguments(likelihood, key, num_samples):
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"`likelihood` must be 'softmax' or 'gaussian'; got {likelihood!r}.")
    if (key is None) != (num_samples is None):
        raise ValueError(
            f"`key` and `num_samples` come together; got key={key!r}, num_samples={num_samples!r}. "
            "Leave both out for the exact expectation."
        )
    if key is not None:
        check_key(key)
        check_count(num_samples, "num_samples")


def check_outputs(predict: Callable, params: Any, batch: Any, likelihood: str) -> None:
    """Raises a ValueError unless `predict` gives one row of real outputs per example.

    Args:
      predict: predict(params, batch) -> outputs.
      params: pytree of floating-point arrays.
      batch: one batch.
      likelihood: "softmax" asks for [N, K]; any other, "" for none, for [N, ...].
    """
    num = ex.num_examples(batch)
    avals = jax.tree.leaves(programs.outputs(predict, "predict", params, batch))
    fits = len(avals) == 1 and jnp.issubdtype(avals[0].dtype, jnp.floating)
    fits = fits and avals[0].shape[:1] == (num,)
    if not fits or (likelihood == "softmax" and avals[0].ndim != 2):
        of = f" for likelihood={likelihood!r}" if likelihood else ""
        shape = "[N, K]" if likelihood == "softmax" else "[N, ...]"
        raise ValueError(
            f"`predict` must return one real array {shape} with N = {num}{of}; got "
            f"{checks.described(avals)}. Put positions that each predict a label on the "
            "leading axis, in the outputs and in the batch."
        )


@jax.jit
def _linearize(way, metric, predict, params, examples):
    with jax.default_matmul_precision("highest"):
        outputs, jacobian = way.jacobian(lambda p: predict(p, examples.batch), params)
    # Outputs and weights may differ in dtype: what lies between is in the wider one.
    wide = trees.common_dtype(outputs, examples.weights)
    weighed = dataclasses.replace(examples, weights=examples.weights.astype(wide))
    return Partial(sandwich, jacobian, metric(outputs.astype(wide), weighed))


def _softmax(outputs, examples):
    return Partial(_softmax_product, jax.nn.softmax(outputs), examples.weights)


def _softmax_product(p, weights, u):
    wide = u.astype(p.dtype)
    centred = wide - jnp.sum(p * wide, axis=1, keepdims=True)
    return (weights[:, None] * p * centred).astype(u.dtype)


def _gaussian(outputs, examples):
    weights = examples.weights.reshape(-1, *[1] * (outputs.ndim - 1))
    return Partial(trees.scaled, weights)


def _sampled(scores, key, samples, outputs, examples):
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, examples.index)
    keys = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(keys, samples)
    drawn = jax.vmap(jax.vmap(scores, (0, None)))(keys, outputs)  # (N, samples, K)
    return Partial(_sampled_product, drawn, examples.weights / len(samples))


def _sampled_product(scores, weights, u):
    wide = u.reshape(len(u), -1).astype(scores.dtype)
    along = jnp.einsum("nsk,nk->ns", scores, wide, precision=trees.HIGHEST)
    spread = jnp.einsum("nsk,ns->nk", scores, weights[:, None] * along, precision=trees.HIGHEST)
    return spread.reshape(u.shape).astype(u.dtype)


def _softmax_score(key, logits):
    label = jax.random.categorical(key, logits)
    return jax.nn.softmax(logits) - jax.nn.one_hot(label, len(logits), dtype=logits.dtype)


def _gaussian_score(key, mean):
    return jax.random.normal(key, (mean.size,), mean.dtype)


_EXACT = {"softmax": Partial(_softmax), "gaussian": Partial(_gaussian)}
_SCORES = {"softmax": Partial(_softmax_score), "gaussian": Partial(_gaussian_score)}

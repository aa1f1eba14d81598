"""The Fisher-Rao norm: how much of the function's change under scaling the likelihood sees."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.geometry.sharpness import _scalings
from lsgeo.operators.curvature.fisher import LIKELIHOODS, check_outputs
from lsgeo.operators.products import counts, means, streaming
from lsgeo.operators.products.telling import Telling


@trees.frozen
class FisherRaoNorm:
    """<w, F w> of a network; see `fisher_rao_norm`."""

    squared: float
    standard_error: float  # of `squared`, the examples taken for a sample; NaN for one
    degree: float  # k of the homogeneous function k f(w) that fits the derivative of f along w best
    misfit: float  # relative distance of that derivative from it; 0 for a homogeneous network
    homogeneous: float  # `squared` by the closed form for a homogeneous network
    num_examples: int
    invariant_under: tuple[str, ...] = trees.static()

    @property
    def norm(self) -> float:
        """The square root of `squared`."""
        return math.sqrt(self.squared)

    def __str__(self) -> str:
        return (
            f"Fisher-Rao norm {self.norm:.4g} (squared {self.squared:.4g} ± {self.standard_error:.2g} over "
            f"{self.num_examples} examples; degree {self.degree:.3g} with misfit {self.misfit:.2g}; "
            f"{_scalings.describe(self.invariant_under)}; one derivative)"
        )


@accepts(params=as_params, batch=as_arrays)
def fisher_rao_norm(
    predict: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    criterion: Callable[[Any, Any], jax.Array] | None = None,
    likelihood: str = "softmax",
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> FisherRaoNorm:
    """Measures <w, F w>, the square of the Fisher-Rao norm (Liang et al. 2019), from one derivative along w.

    With J the outputs' Jacobian and u = J w, <w, F w> is the mean over examples of u' M u, M the Fisher
    matrix of the
    outputs: of the model's own distribution, or, with `criterion`, s s' for s the slope of an example's loss at
    its observed label, which is the paper's definition. For a network that is homogeneous in w of degree k
    (bias-free ReLU layers: k of them), u = k f(w), and the squared norm is k^2 times the mean of f' M f (their
    theorem 3.1): `homogeneous` is that form for the best k, `misfit` says how far the network is from it.

    Invariances: all three of `lsgeo.geometry.sharpness._scalings`, unit rescaling included. It needs no radius
    and no draw. It is no curvature: a norm of the function's parameters that the curvature metric measures.

    Args:
      predict: `predict(params, batch) -> outputs`: logits [N, K] for "softmax", means [N, ...] for "gaussian".
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      criterion: `criterion(outputs, batch) -> scalar`, the mean over the examples, for observed labels; None
        takes the labels from the model's distribution.
      likelihood: "softmax" or "gaussian" (unit variance); without a part where `criterion` is given.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: how much a row of the outputs counts, as in `lsgeo.fisher`: the mean over examples becomes
        the mean with these weights, and the criterion is a mean with them. What counts nothing is left out.

    Returns:
      FisherRaoNorm, `squared` in nats.

    Raises:
      ValueError: if the outputs or arguments do not fit, or `predict` is random or, streamed, mixes
        examples, or the criterion is no such mean.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"`likelihood` must be 'softmax' or 'gaussian'; got {likelihood!r}.")
    trees.space_of(params)
    trees.check_finite(params, "params")
    parts, first = (batch,), batch
    if batches is not None:
        data = streaming.Batches.of(batches, batch, count)
        parts, first = (part for part, _ in data), data.first()
    predict = programs.traced(predict, "predict", params, first)
    check_outputs(predict, params, first, likelihood if criterion is None else "")
    slopes = None
    if batches is not None:
        means.check_rowwise(predict, params, data.telling)
    if criterion is not None:
        outputs = programs.outputs(predict, "predict", params, first)
        slopes = programs.traced(criterion, "criterion", outputs, first)
        loss = Partial(_composed, predict, slopes)
        told = Telling.of(batch) if batches is None else data.telling
        means.check_mean(loss, params, told, count=count, name="criterion")
    rows, dots = [], np.zeros(3)
    for part in parts:
        counted = counts.each(count, part)
        found = _figures(likelihood, predict, slopes, params, part, counted)
        one, other, products = (np.asarray(figure, np.float64) for figure in found)
        rows.append(np.stack([counted, one, other])[:, counted > 0])
        dots += products
    weights, along, forms = np.concatenate(rows, axis=1)
    degree, misfit = _homogeneity(*dots)
    mean, error = _mean(weights, along)
    return FisherRaoNorm(
        mean,
        error,
        degree,
        misfit,
        float(degree**2 * _mean(weights, forms)[0]),
        len(along),
        _scalings.ALL,
    )


def _composed(predict, criterion, params, batch):
    return criterion(predict(params, batch), batch)


def _mean(weights, values):
    # And its standard error, that of a ratio of two means (Cochran 1977, section 6.4).
    shares, num = weights / weights.sum(), len(values)
    mean = float(shares @ values)
    if num == 1:
        return mean, math.nan
    return mean, math.sqrt(num / (num - 1) * float(shares**2 @ (values - mean) ** 2))


@functools.partial(jax.jit, static_argnums=0)
def _figures(likelihood, predict, criterion, params, batch, counted):
    with jax.default_matmul_precision("highest"):
        outputs, along = jax.jvp(lambda p: predict(p, batch), (params,), (params,))
    if criterion is None:
        form = functools.partial(_FORMS[likelihood], outputs)
    else:
        # Of each row's own loss, from that of the batch.
        scale = _rows(jnp.sum(counted) / jnp.where(counted > 0, counted, 1), outputs)
        form = functools.partial(_observed, scale * jax.grad(criterion)(outputs, batch))
    sides = (along, outputs), (outputs, outputs), (along, along)
    dots = jnp.stack([trees.vdot(_rows(counted, a) * a, b) for a, b in sides])
    return form(along), form(outputs), dots


def _rows(factors, like):
    # One factor for each row.
    return factors.astype(like.dtype).reshape(-1, *[1] * (like.ndim - 1))


def _softmax(logits, u):
    p = jax.nn.softmax(logits)
    centred = u - jnp.sum(p * u, axis=1, keepdims=True)
    return jnp.sum(p * centred**2, axis=1)


def _gaussian(means, u):
    return jnp.sum(u.reshape(len(u), -1) ** 2, axis=1)


def _observed(slopes, u):
    return jnp.sum((slopes * u).reshape(len(u), -1), axis=1) ** 2


def _homogeneity(cross, size, along):
    if not size or not along:
        return math.nan, math.nan
    degree = cross / size
    # ||u - k f||^2 at the best k.
    return float(degree), math.sqrt(max(0.0, 1 - degree * cross / along))


_FORMS = {"softmax": _softmax, "gaussian": _gaussian}

"""The Fisher-Rao norm: how much of the function's change under scaling the likelihood sees."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.geometry.sharpness import _scalings
from lsgeo.operators.curvature.fisher import LIKELIHOODS, check_outputs
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products import streaming


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


def fisher_rao_norm(
    predict: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    criterion: Callable[[Any, Any], jax.Array] | None = None,
    likelihood: str = "softmax",
    batches: Iterable | None = None,
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

    Returns:
      FisherRaoNorm, `squared` in nats.

    Raises:
      ValueError: if the outputs or arguments do not fit, or `predict` is random or, streamed, mixes examples.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"`likelihood` must be 'softmax' or 'gaussian'; got {likelihood!r}.")
    trees.space_of(params)
    trees.check_finite(params, "params")
    parts, first = (batch,), batch
    if batches is not None:
        data = streaming.Batches.of(batches, batch)
        parts, first = (part for part, _ in data), data.first()
    predict = programs.traced(predict, "predict", params, first)
    if batches is not None:
        ex.check_rowwise(predict, params, first)
    check_outputs(predict, params, first, likelihood if criterion is None else "")
    slopes = None
    if criterion is not None:
        outputs = programs.outputs(predict, "predict", params, first)
        slopes = programs.traced(criterion, "criterion", outputs, first)
    along, forms, dots = [], [], np.zeros(3)
    for part in parts:
        one, other, products = _figures(likelihood, predict, slopes, params, part)
        along.append(np.asarray(one, np.float64))
        forms.append(np.asarray(other, np.float64))
        dots += np.asarray(products, np.float64)
    along, forms = np.concatenate(along), np.concatenate(forms)
    degree, misfit = _homogeneity(*dots)
    count = len(along)
    return FisherRaoNorm(
        float(along.mean()),
        float(along.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan,
        degree,
        misfit,
        float(degree**2 * forms.mean()),
        count,
        _scalings.ALL,
    )


@functools.partial(jax.jit, static_argnums=0)
def _figures(likelihood, predict, criterion, params, batch):
    with jax.default_matmul_precision("highest"):
        outputs, along = jax.jvp(lambda p: predict(p, batch), (params,), (params,))
    if criterion is None:
        form = functools.partial(_FORMS[likelihood], outputs)
    else:
        slopes = len(outputs) * jax.grad(criterion)(outputs, batch)
        form = functools.partial(_observed, slopes)
    dots = jnp.stack(
        [trees.vdot(along, outputs), trees.vdot(outputs, outputs), trees.vdot(along, along)]
    )
    return form(along), form(outputs), dots


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

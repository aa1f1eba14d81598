"""Gradients on their way back: how large, in which direction, through which Jacobian (claim C5).

Their size is read off the stream, the activations between blocks. Kernels do not show it: where the loss is
homogeneous in every W_l alike, as in a plain ReLU network without a norm and without biases, Euler's identity
makes <W_l, dL/dW_l> one number for all l, however small the gradient of the stream has become below.
`kernel_work_spread` measures that.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models, trees
from lsgeo.geometry import InputGradients, JacobianSpectrum
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject, finite_mean, first_examples

NUM_EXAMPLES = 64
COLUMNS = (
    "log_gradient_ratio",
    "gradient_unevenness",
    "kernel_work_spread",
    "stream_log_ratio",
    "stream_unevenness",
    "stream_lost_share",
    "log_stream_ratio_median",
    "log_stream_ratio_mean",
    "input_gradient_correlation",
    "jacobian_moment_ratio",
)


def _measure(subject: Subject) -> dict[str, float]:
    few = first_examples(subject.batch, NUM_EXAMPLES)
    params, names = subject.params, block_names(subject.params)
    ends = names[0], names[-1]
    gradient, first, last = _gradients(subject.loss, params, few, *ends)
    between = _log_of(np.mean, _ratio(*(_kernel_norm(gradient[name]) for name in ends)))
    ratios = _ratio(_norms(first), _norms(last))
    across = mean_log(ratios)
    jacobians = np.asarray(_jacobians(subject.predict, params, few["image"]), np.float64)
    by_example = np.moveaxis(jacobians, 0, 1)  # (N, outputs, inputs)
    return {
        "log_gradient_ratio": between,
        "gradient_unevenness": abs(between),
        "kernel_work_spread": _work_spread([(params[name], gradient[name]) for name in names]),
        "stream_log_ratio": across,
        "stream_unevenness": abs(across),
        "stream_lost_share": float(np.mean(ratios == 0)) if len(ratios) else np.nan,
        "log_stream_ratio_median": _log_of(np.median, ratios),
        "log_stream_ratio_mean": _log_of(np.mean, ratios),
        "input_gradient_correlation": finite_mean(
            [InputGradients(g).correlation for g in jacobians]
        ),
        "jacobian_moment_ratio": float(np.exp(finite_mean([_log_spread(j) for j in by_example]))),
    }


def block_names(params: Any) -> list[str]:
    """The names of a network's blocks, from the bottom up."""
    return sorted((name for name in params if "block_" in name), key=models.block_place)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _gradients(loss, params, batch, first, last):
    # In one program the forward passes are one.
    streams = [models.stream_gradient(loss, params, batch, name) for name in (first, last)]
    gradient = jax.grad(loss)(params, batch)
    return gradient, *streams


@jax.jit
def _jacobians(predict, params, images):
    logits, pull = jax.vjp(lambda x: predict(params, {"image": x}), images)
    units = jnp.eye(logits.shape[-1], dtype=logits.dtype)
    rows = jax.vmap(lambda unit: pull(jnp.broadcast_to(unit[None], logits.shape))[0])(units)
    return rows.reshape(len(units), len(images), -1)


def mean_log(ratios: np.ndarray) -> float:
    """Mean logarithm of ratios [N] over those that are positive; NaN without any.

    A ratio of 0, a gradient that is gone altogether, has no logarithm: its share is a column of its own.
    """
    there = ratios[ratios > 0]
    return float(np.log(there).mean()) if len(there) else np.nan


def _kernel_norm(tree):
    return np.float64(trees.norm(_kernels(tree)))


def _kernels(tree):
    # Biases and scales of a norm are left out: the twins are compared by their matrices.
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.ndim > 1]


def _work_spread(blocks):
    # <W, dL/dW> of every kernel: the largest less the smallest, over the largest in size.
    pairs = [pair for both in blocks for pair in zip(*map(_kernels, both), strict=True)]
    work = np.array([np.vdot(*(np.asarray(one, np.float64) for one in pair)) for pair in pairs])
    size = np.max(np.abs(work), initial=0)
    return float(np.ptp(work) / size) if size > 0 else np.nan


def _norms(streams):
    rows = np.asarray(streams, np.float64)
    return np.linalg.norm(rows.reshape(len(rows), -1), axis=1)


def _log_spread(jacobian):
    # One output has one singular value, which tells nothing of conditioning.
    if len(jacobian) < 2 or not np.isfinite(jacobian).all():
        return np.nan
    values = np.linalg.svd(jacobian, compute_uv=False)
    return np.log(JacobianSpectrum(values).moment_ratio)


def _ratio(first, last):
    # An example without a gradient at the top, all of its units dead, has no ratio.
    there = np.atleast_1d(last) > 0
    return np.atleast_1d(first)[there] / np.atleast_1d(last)[there]


def _log_of(middle, ratios):
    ratio = middle(ratios) if len(ratios) else np.nan
    return float(np.log(ratio)) if ratio > 0 else np.nan


def _suits(model):
    scanned, tokens = (getattr(model, name, False) for name in ("scan", "takes_tokens"))
    return not scanned and not tokens


GRADIENT_FLOW = Measure(
    "gradient_flow",
    (
        *columns(
            *COLUMNS[: COLUMNS.index("input_gradient_correlation")],
            readings=("init", "matched"),
            smallest=Smallest(0.1, "nats: a tenth of a norm, from the first block to the last"),
        ),
        *columns(
            "input_gradient_correlation",
            readings=("init", "matched"),
            smallest=Smallest(0.05, "of a cosine: seeds differ by 0.03"),
            floor=-1.0,
            ceiling=1.0,
        ),
        *columns(
            "jacobian_moment_ratio",
            readings=("init", "matched"),
            smallest=Smallest(
                0.1,
                "a tenth in the spread of squared singular values: seeds differ by 0.08",
                ratio=True,
            ),
            floor=1.0,
        ),
    ),
    _measure,
    source="Balduzzi et al. 2017 (correlation), Pennington et al. 2017 (moment ratio m2 / m1^2)",
    cost=0.3,
    suits=_suits,
)

"""Flat and negative directions of a small network, counted one by one in its dense Hessian (claim C2).

A density of few Lanczos steps cannot tell an eigenvalue of 1e-6 of the largest from one of 1e-2. Here the
whole Hessian is formed and diagonalised in float64, also in a session of float32: at the same parameters,
so that only the rounding changes, which in float32 is about 3e-7 of the largest eigenvalue and here 1e-12.
Shares are given at thresholds relative to the largest eigenvalue and at absolute ones, for the two may tell
opposite stories: an architecture with a smaller largest eigenvalue has more directions below 1e-2 and fewer
below 1e-4 of it.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import models, operators
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

# Parameters: 7 s at 2,500, 45 s at 6,000 on one core, half of it for the eigenvalues.
LARGEST = 6500
RELATIVE = ("1e-2", "1e-3", "1e-4", "1e-5", "1e-6")  # of the largest eigenvalue
ABSOLUTE = ("1e-0", "1e-1", "1e-2", "1e-3", "1e-4")  # nats / parameter^2
_KINDS = (("rel", RELATIVE), ("abs", ABSOLUTE))
SHARES = tuple(
    f"{sign}_{kind}_{size}" for sign in ("flat", "negative") for kind, all in _KINDS for size in all
)
COLUMNS = (*SHARES, "eigenvalue_share", "dense_noise", "dense_lambda_max", "dense_lambda_min")


def _measure(subject: Subject) -> dict[str, float]:
    size = models.count_parameters(subject.params)
    if size > LARGEST:
        return dict.fromkeys(COLUMNS, math.nan)
    return shares(dense_eigenvalues(subject.loss, subject.params, subject.batch))


def dense_eigenvalues(loss: Any, params: Any, batch: Any) -> np.ndarray:
    """All eigenvalues of a Hessian, ascending, in float64 whatever the session's precision.

    Args:
      loss: `loss(params, batch) -> scalar`, whose own arrays are leaves of a pytree.
      params: pytree of P floating-point numbers.
      batch: pytree.

    Returns:
      [P]; NaN where the Hessian is not finite.
    """
    with jax.enable_x64(True):
        op = operators.hessian(*(_wide(part) for part in (loss, params, batch)))
        matrix = op.to_dense()
    if not np.isfinite(matrix).all():
        return np.full(len(matrix), np.nan)
    return np.linalg.eigvalsh(matrix)


def _wide(tree):
    def widened(leaf):
        is_float = isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(
            leaf.dtype, jnp.floating
        )
        return jnp.asarray(np.asarray(leaf), jnp.float64) if is_float else leaf

    return jax.tree.map(widened, tree)


def shares(values: np.ndarray) -> dict[str, float]:
    """Counts eigenvalues within and below thresholds.

    Args:
      values: all eigenvalues [P] of a Hessian in float64, ascending; NaN where there are none.

    Returns:
      By column: "flat_rel_1e-4", the share with |lambda| <= 1e-4 lambda_max; "negative_rel_1e-4", that with
      lambda < -1e-4 lambda_max; the same with "abs" at thresholds in nats / parameter^2. NaN where the
      threshold is below the noise P eps |lambda|_max of the eigenvalues, or lambda_max is not positive.
      eigenvalue_share, what one eigenvalue is; dense_noise; both ends.
    """
    count, size = len(values), float(np.max(np.abs(values)))
    if math.isnan(size):
        return dict.fromkeys(COLUMNS, math.nan)
    noise = count * np.finfo(np.float64).eps * size
    scales = {"rel": float(values[-1]), "abs": 1.0}
    found = {}
    for kind, thresholds in _KINDS:
        for text in thresholds:
            threshold = float(text) * scales[kind]
            seen = threshold > noise
            flat, negative = np.abs(values) <= threshold, values < -threshold
            found[f"flat_{kind}_{text}"] = float(flat.mean()) if seen else math.nan
            found[f"negative_{kind}_{text}"] = float(negative.mean()) if seen else math.nan
    return found | {
        "eigenvalue_share": 1 / count,
        "dense_noise": noise,
        "dense_lambda_max": float(values[-1]),
        "dense_lambda_min": float(values[0]),
    }


def _suits(model: nn.Module) -> bool:
    return isinstance(model, models.MLP)


DEGENERATE = Measure(
    "degenerate",
    (
        *columns(
            *SHARES,
            readings=("matched",),
            smallest=Smallest(
                0.1,
                "one direction in ten of those that are counted: seeds differ by 0.1",
                ratio=True,
            ),
            floor=0.0,
            ceiling=1.0,
            follows_rate=True,
        ),
        *columns(*COLUMNS[len(SHARES) :], readings=("matched",)),
    ),
    _measure,
    source="dense Hessian; the thresholds of Sagun et al. 2018 and absolute ones",
    cost=8.0,
    suits=_suits,
)

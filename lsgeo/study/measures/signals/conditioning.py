"""Conditioning: the spread of the nonzero spectrum of the neural tangent kernel (claim C16).

A kernel J J' that is summed in float32 loses all below 1e-7 of its largest eigenvalue. So J is computed in the
parameters' precision and J J' in float64 on the host: the eigenvalues are good to the square of the rounding
of J's entries, and what is below the square of 30 such roundings, 1e-11 of the largest in float32, is cut.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

NUM_EXAMPLES = 32
CUT = 30  # roundings of J, times its largest singular value, which count as zero


def _measure(subject: Subject) -> dict[str, float]:
    images = subject.batch["image"][:NUM_EXAMPLES]
    jacobian = output_jacobian(subject.predict, subject.params, images)
    return kernel_condition(jacobian)


def output_jacobian(predict: Any, params: Any, images: jax.Array) -> np.ndarray:
    """Jacobian of the logits in the parameters, [N K, P], example by example, in the parameters' precision.

    Args:
      predict: `predict(params, batch)` -> logits [N, K], a callable pytree, each example by itself.
      params: pytree of floating-point arrays.
      images: [N, ...].
    """
    # One by one: in a compiled loop convolutions would be many times slower.
    rows = [np.asarray(_rows(predict, params, {"image": image[None]})) for image in images]
    return np.concatenate(rows)


@jax.jit
def _rows(predict, params, batch):
    with jax.default_matmul_precision("highest"):
        leaves = jax.tree.leaves(jax.jacrev(lambda p: predict(p, batch)[0])(params))
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], 1)


def kernel_condition(jacobian: np.ndarray) -> dict[str, float]:
    """Condition numbers of the kernel J J' without its zero modes.

    Args:
      jacobian: J [outputs, P], float32 or float64.

    Returns:
      ntk_condition, its largest over its smallest eigenvalue that is not zero; ntk_spread, the arithmetic over
      the geometric mean of those, which no single one decides; ntk_rank, their number. NaN where there is none,
      and all NaN where J is not finite.
    """
    columns = ("ntk_condition", "ntk_spread", "ntk_rank")
    if not np.isfinite(jacobian).all():
        return dict.fromkeys(columns, math.nan)
    wide = jacobian.astype(np.float64)
    values = np.linalg.eigvalsh(wide @ wide.T)
    # A kernel of a float64 Jacobian is no better than its own rounding.
    cut = max((CUT * np.finfo(jacobian.dtype).eps) ** 2, CUT * np.finfo(np.float64).eps)
    values = values[values > cut * values[-1]]
    if not len(values):
        return dict(zip(columns, (math.nan, math.nan, 0.0), strict=True))
    logs = np.log(values / values[-1])
    spread = np.log(np.exp(logs).mean()) - logs.mean()
    return dict(
        zip(columns, (math.exp(-logs[0]), math.exp(spread), float(len(values))), strict=True)
    )


CONDITIONING = Measure(
    "conditioning",
    (
        *columns(
            *("ntk_condition", "ntk_spread"),
            readings=("init", "matched"),
            smallest=Smallest(
                0.1,
                "a tenth of the training time: gradient descent takes steps in proportion to it",
                ratio=True,
            ),
            floor=1.0,
        ),
        *columns("ntk_rank", readings=("init", "matched")),
    ),
    _measure,
    source="Jacot et al. 2018; Zhao, Singh and Lucchi 2024",
    cost=0.3,
)

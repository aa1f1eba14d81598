"""Conditioning: the spread of the nonzero spectrum of the neural tangent kernel (claim C16).

The kernel J J' squares what J knows, and in float32 loses all below 1e-7 of its largest eigenvalue. So J itself
is decomposed in float64 on the host: its singular values are good to the rounding of its entries, and the cut
can be at that.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.study.metrics.subject import Metric, Subject

NUM_EXAMPLES = 32
CUT = 30  # roundings: singular values below that many of the largest one count as zero


def _measure(subject: Subject) -> dict[str, float]:
    images = subject.batch["image"][:NUM_EXAMPLES]
    jacobian = output_jacobian(subject.predict, subject.params, images)
    return kernel_condition(jacobian)


def output_jacobian(predict, params, images) -> np.ndarray:
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
    values = np.linalg.svd(jacobian.astype(np.float64), compute_uv=False)
    values = values[values > CUT * np.finfo(jacobian.dtype).eps * values[0]]
    if not len(values):
        return dict(zip(columns, (math.nan, math.nan, 0.0), strict=True))
    logs = 2 * np.log(values / values[0])
    spread = np.log(np.exp(logs).mean()) - logs.mean()
    return dict(
        zip(columns, (math.exp(-logs[-1]), math.exp(spread), float(len(values))), strict=True)
    )


CONDITIONING = Metric(
    "conditioning",
    _measure,
    ("ntk_condition", "ntk_spread", "ntk_rank"),
    readings=("init", "matched"),
    source="Jacot et al. 2018; Zhao, Singh and Lucchi 2024",
    cost=0.3,
)

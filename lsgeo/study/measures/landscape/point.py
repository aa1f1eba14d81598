"""Where a network stands: its gradient, how that turns along itself, its weights, and who holds it there."""

import math

import jax
import jax.numpy as jnp

from lsgeo import operators, trees
from lsgeo.spectra import extreme_eigenpairs
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject

# At the start no learning rate has held anything yet: curvature above the limit is the network's own there.
TRAINED = ("matched", "end")
TOLERANCE = 1e-2


def _measure(subject: Subject) -> dict[str, float]:
    gradient = jax.grad(subject.loss)(subject.params, subject.batch)
    op = operators.hessian(subject.loss, subject.params, subject.batch)
    norm, share = trees.norm(gradient), math.nan
    if subject.reading in TRAINED and math.isfinite(subject.limit):
        found = extreme_eigenpairs(op, key=subject.key, top=1, bottom=0, tol=TOLERANCE)
        share = float(found.values[-1]) / subject.limit
    return {
        "gradient_norm": float(norm),
        # Where the gradient is exactly zero, a Hessian can do nothing to it.
        "hg_over_g": float(jnp.where(norm > 0, trees.norm(op @ gradient) / norm, jnp.nan)),
        "weight_norm": float(trees.norm(subject.params)),
        "limit_share": share,
    }


POINT = Measure(
    "point",
    (
        *columns("gradient_norm", "hg_over_g", "weight_norm"),
        *columns("limit_share", readings=TRAINED),
    ),
    _measure,
    source="|g|, |H g| / |g| and |w|, g and H over the examples that are measured on; lambda_max as a share of "
    "the optimiser's limit, Cohen et al. 2021",
    cost=0.2,
    always=True,
)

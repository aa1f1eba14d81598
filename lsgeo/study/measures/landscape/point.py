"""Where a network stands: its gradient, how that turns along itself, and the size of its weights."""

import jax
import jax.numpy as jnp

from lsgeo import operators, trees
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject


def _measure(subject: Subject) -> dict[str, float]:
    gradient = jax.grad(subject.loss)(subject.params, subject.batch)
    product = operators.hessian(subject.loss, subject.params, subject.batch) @ gradient
    norm = trees.norm(gradient)
    return {
        "gradient_norm": float(norm),
        # Where the gradient is exactly zero, a Hessian can do nothing to it.
        "hg_over_g": float(jnp.where(norm > 0, trees.norm(product) / norm, jnp.nan)),
        "weight_norm": float(trees.norm(subject.params)),
    }


POINT = Measure(
    "point",
    columns("gradient_norm", "hg_over_g", "weight_norm"),
    _measure,
    source="|g|, |H g| / |g| and |w|, g and H over the examples that are measured on",
    cost=0.1,
    always=True,
)

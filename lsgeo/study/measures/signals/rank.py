"""Rank collapse: do all tokens of a transformer become the same vector at initialisation (claim C13)?"""

import jax
import numpy as np

from lsgeo import models
from lsgeo.geometry import rank_one_residual
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

NUM_EXAMPLES = 64


def _measure(subject: Subject) -> dict[str, float]:
    tokens = _last_stream(subject.model, subject.variables, subject.batch["image"][:NUM_EXAMPLES])
    return {
        "rank_one_residual": float(np.mean(rank_one_residual(np.asarray(tokens)))),
        # A collapse ends in rounding errors.
        "rank_one_resolution": float(np.finfo(tokens.dtype).eps),
    }


@jax.jit(static_argnums=0)
def _last_stream(model, variables, images):
    found = models.activations(model, variables, images)
    return found[f"block_{model.depth - 1}/stream"]


RANK = Measure(
    "rank",
    (
        *columns(
            "rank_one_residual",
            readings=("init",),
            smallest=Smallest(
                0.1, "a tenth of the tokens' distance: seeds differ by 0.13", ratio=True
            ),
            floor=0.0,
            ceiling=1.0,
        ),
        *columns("rank_one_resolution", readings=("init",)),
    ),
    _measure,
    source="Dong et al. 2021, theorem 2.2, in the Frobenius norm",
    cost=0.1,
    suits=lambda model: isinstance(model, models.ViT),
)

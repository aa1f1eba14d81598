"""Residual alignment: whether the blocks push along one line, and how hard (claim C17)."""

import numpy as np

from lsgeo.signals import residual_alignment
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.signals._chains import chain_of, has_blocks
from lsgeo.study.measures.subject import Subject, finite_mean

NUM_EXAMPLES = 16
NUM_SINGULAR = 16  # values of each Jacobian; all of a stream of that width
COLUMNS = ("residual_sigma", "residual_alignment", "residual_rank", "stream_line")


def _measure(subject: Subject) -> dict[str, float]:
    images = subject.batch["image"][:NUM_EXAMPLES]
    chain = chain_of(subject, images)
    if chain is None:
        return dict.fromkeys(COLUMNS, np.nan)
    width = int(np.prod(chain.below.shape[1:]))
    found = residual_alignment(
        chain.branches,
        chain.below,
        key=subject.key,
        adds=chain.adds,
        num_singular=min(NUM_SINGULAR, width),
    )
    with np.errstate(invalid="ignore"):
        return {
            "residual_sigma": float(found.singular_values[..., 0].mean()),
            "residual_alignment": finite_mean(found.consecutive),
            "residual_rank": float(found.ranks.mean()),
            "stream_line": finite_mean(found.equispaced),
        }


_TENTH = Smallest(0.1, "a tenth of the branch's strength or rank", ratio=True)
ALIGNMENT = Measure(
    "alignment",
    (
        *columns("residual_sigma", smallest=_TENTH),
        *columns("residual_rank", readings=("matched", "end"), smallest=_TENTH),
        *columns(
            *("residual_alignment", "stream_line"),
            readings=("matched", "end"),
            smallest=Smallest(
                0.05, "of a cosine: two standard deviations over seeds of the standard study"
            ),
            floor=0.0,
            ceiling=1.0,
        ),
    ),
    _measure,
    source="Li and Papyan 2023, RA1 to RA4",
    cost=0.3,
    suits=has_blocks,
)

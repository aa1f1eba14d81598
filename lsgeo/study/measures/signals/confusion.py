"""Gradient confusion: low quantiles of the cosines between per-example gradients (claim C18)."""

from lsgeo.geometry import gradient_confusion
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject, first_examples

NUM_EXAMPLES = 64


def _measure(subject: Subject) -> dict[str, float]:
    few = first_examples(subject.batch, NUM_EXAMPLES)
    found = gradient_confusion(subject.loss, subject.params, few, key=subject.key, num_resamples=2)
    return {"gradient_cosine_low": found.value}


CONFUSION = Measure(
    "confusion",
    columns(
        "gradient_cosine_low",
        smallest=Smallest(0.05, "of a cosine: seeds differ by 0.03"),
        floor=-1.0,
        ceiling=1.0,
    ),
    _measure,
    source="Sankararaman et al. 2020, definition 2.1, for cosines",
    cost=0.3,
)

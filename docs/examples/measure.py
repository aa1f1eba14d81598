"""How sure a network is of its answers; save as lsgeo/study/measures/landscape/confidence.py."""

import jax

from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject


def _measure(subject: Subject) -> dict[str, float]:
    logits = subject.predict(subject.params, subject.test)
    return {"test_confidence": float(jax.nn.softmax(logits).max(axis=-1).mean())}


CONFIDENCE = Measure(
    "confidence",
    columns(
        "test_confidence",
        readings=("matched", "end"),
        smallest=Smallest(0.02, "two points in a hundred, as much as seeds differ"),
        floor=0.0,
        ceiling=1.0,
    ),
    _measure,
    source="Guo et al. 2017, section 2: the mean of the largest probability",
    cost=0.1,
)

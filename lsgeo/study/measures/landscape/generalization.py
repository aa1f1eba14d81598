"""Loss and error on training and test data (claim C9)."""

import math

from lsgeo import models
from lsgeo.study.measures.records import Measure, columns
from lsgeo.study.measures.subject import Subject


def _measure(subject: Subject) -> dict[str, float]:
    train, test = (_figures(subject, batch) for batch in (subject.batch, subject.test))
    return {
        "train_error": train[1],
        "test_loss_here": test[0],
        "test_error": test[1],
        "loss_gap": test[0] - train[0],
        "error_gap": test[1] - train[1],
    }


def _figures(subject, batch):
    loss = float(subject.loss(subject.params, batch))
    if "label" not in batch:
        return loss, math.nan
    return loss, 1.0 - float(models.accuracy(subject.predict(subject.params, batch), batch))


GENERALIZATION = Measure(
    "generalization",
    columns(
        "train_error",
        "test_loss_here",
        "test_error",
        "loss_gap",
        "error_gap",
        readings=("matched", "end"),
    ),
    _measure,
    source="gap = test - train, at equal training loss",
    cost=0.1,
)

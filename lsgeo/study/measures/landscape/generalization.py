"""Loss and error on training and test data (claim C9)."""

import math

from lsgeo import models
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

READ = ("matched", "end")
POINT = Smallest(
    0.01,
    "a percentage point: what papers report; a test on 450 images errs by two, ten seeds by 0.6",
)


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
    (
        *columns(
            *("test_error", "train_error"),
            readings=READ,
            smallest=POINT,
            floor=0.0,
            ceiling=1.0,
        ),
        *columns("error_gap", readings=READ, smallest=POINT, floor=-1.0, ceiling=1.0),
        *columns(
            *("test_loss_here", "loss_gap"),
            readings=READ,
            smallest=Smallest(
                0.05, "nats: a tenth of the loss of 0.5, or five points in a hundred"
            ),
        ),
    ),
    _measure,
    source="gap = test - train, at equal training loss",
    cost=0.1,
)

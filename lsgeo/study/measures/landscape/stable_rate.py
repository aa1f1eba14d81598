"""Stable rate: the largest learning rate with which gradient descent trains the network (claim C6)."""

import math

from lsgeo import models, training
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject
from lsgeo.study.races import races

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
NUM_STEPS = 100
NUM_BISECTIONS = 3
COLUMNS = ("stable_rate", "stable_rate_bound", "stable_rate_holes")
# Of the loss at the start and of the best constant prediction's; a training that gets so far has been stable.
SHARE = 0.5


def _measure(subject: Subject) -> dict[str, float]:
    loss, batch = subject.loss, subject.batch
    bound = races.constant_loss(batch["label"]) if "label" in batch else math.inf
    first = float(loss(subject.params, batch))
    if not math.isfinite(first):
        return dict.fromkeys(COLUMNS, math.nan)
    target = SHARE * min(first, bound)

    def is_stable(rate):
        recipe = training.Recipe(optimizer="sgd", learning_rate=rate, max_steps=NUM_STEPS)
        found = races.race(
            loss, subject.params, batch, recipe, target, key=subject.key, bound=bound
        )
        return found.stable

    stable = [is_stable(rate) for rate in RATES]
    found = races.narrow_stable_rate(is_stable, RATES, stable, num_bisections=NUM_BISECTIONS)
    # At an end of the grid, its last rate only bounds the largest stable one: -1 is a bound from above.
    return {
        "stable_rate": found.stable or RATES[0],
        "stable_rate_bound": float(found.at_edge) * (1 if found.stable else -1),
        "stable_rate_holes": float(found.holes),
    }


STABLE_RATE = Measure(
    "stable_rate",
    (
        *columns(
            "stable_rate",
            readings=("init",),
            smallest=Smallest(math.log(1.25), "a quarter of the largest stable step", ratio=True),
        ),
        *columns(*COLUMNS[1:], readings=("init",)),
    ),
    _measure,
    source="bisection after a grid, 100 steps of gradient descent each; see lsgeo.study.race",
    cost=2.0,
    # The loss is that of evaluation, which training with a batch norm does not descend.
    suits=lambda model: isinstance(model, models.MLP) and model.norm != "batch",
)

"""What the trainings themselves tell: losses, errors, the plateau at the start, the speed of each arm."""

import itertools
import math

import numpy as np

from lsgeo.study.measures.records import WHOLE, Measure, Smallest, columns

SUMMARY = "summary"
PLATEAU = 0.05  # A loss within this share of that of a uniform guess is on the plateau.
LEVELS = (1.0, 0.5, 0.1)  # Training losses whose first step stands in the table.
LEAST_TIME = Smallest(
    0.1,
    "a tenth of the training time: for less nobody changes a network",
    ratio=True,
)
_FIGURES = (
    *("status", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    "num_parameters",
)


def _training(files, cell, reading):
    summary = files.load(cell, "train", SUMMARY)
    if summary is None:
        return {}
    steps = dict(zip(summary["levels"], summary["reached"], strict=True))
    row = {name: summary[name] for name in _FIGURES}
    for level in LEVELS:
        step = int(steps.get(level, -1))
        row[f"step_at_{level:g}"] = step if step >= 0 else ""
    if row["status"] == "diverged":  # Such a network has left its plateau upwards.
        return row
    return row | _plateau(files.metrics(cell), summary["num_classes"])


def _plateau(records, num_classes):
    # Updates at the common learning rate while the loss is near that of a uniform guess, as finely as it was
    # measured; a bound for a network that is still there at its last step.
    losses = [(record["step"], record["loss"]) for record in records if "loss" in record]
    if len(losses) < 2 or not num_classes:
        return {}
    guess = math.log(num_classes)
    on = [abs(loss / guess - 1) <= PLATEAU for _, loss in losses]
    lengths = [after - before for (before, _), (after, _) in itertools.pairwise(losses)]
    return {
        "plateau_steps": sum(n for n, there in zip(lengths, on, strict=False) if there),
        "plateau_steps_bound": on[-1],
        "plateau_resolution": max(lengths),
    }


TRAIN = Measure(
    "train",
    (
        *columns(*_FIGURES, *(f"step_at_{level:g}" for level in LEVELS), readings=WHOLE),
        *columns("plateau_steps", readings=WHOLE, smallest=LEAST_TIME, floor=0.0),
        *columns("plateau_steps_bound", "plateau_resolution", readings=WHOLE),
    ),
    figures=_training,
    cost=1.0,
    always=True,
)


def speed_folder(rate: float) -> str:
    """Directory of the training that races with a learning rate."""
    return f"speed-lr{rate:g}"


def _speed(files, cell, reading):
    # At the arm's own best rate, over all of its seeds.
    medians = {}
    for rate in cell.settings.learning_rates:
        steps = [_steps(files, one, rate) for one in files.alike(cell)]
        if not np.isnan(steps).any():
            medians[rate] = np.median(steps)
    if not medians:
        return {}
    best = min(medians, key=lambda rate: (medians[rate], rate))
    steps = _steps(files, cell, best)
    reached = math.isfinite(steps)
    return {
        "best_learning_rate": best,
        "steps": steps if reached else cell.settings.speed_steps,
        "steps_bound": not reached,
    }


def _steps(files, cell, rate):
    summary = files.load(cell, speed_folder(rate), SUMMARY)
    if summary is None:
        return math.nan
    first = int(summary["reached"][0])
    # The number of updates, so that a network that starts below the loss still counts one.
    return max(first, 1) if first >= 0 else math.inf


SPEED = Measure(
    "speed",
    (
        *columns("best_learning_rate", readings=WHOLE),
        *columns("steps", readings=WHOLE, smallest=LEAST_TIME),
        *columns("steps_bound", readings=WHOLE),
    ),
    figures=_speed,
    cost=0.3,
)

"""Connectivity: how high the loss rises between two trainings from different initial weights (claim C14)."""

import math

import flax.linen as nn
import jax
import optax

from lsgeo import geometry
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject, first_examples

NUM_POINTS = 25
NUM_STARTS = 5  # of the matching
CURVE_STEPS = 300
BARRIERS = ("linear_barrier", "matched_barrier", "curve_barrier")
COLUMNS = (*BARRIERS, "weight_distance")

# One object, so that all curves share a compiled step.
_ADAM = optax.adam(1e-2)


def _measure(subject: Subject) -> dict[str, float]:
    other = subject.retrained(1)
    if other is None:
        return dict.fromkeys(COLUMNS, math.nan)
    matching, fitting, testing = jax.random.split(subject.key, 3)
    few = first_examples(subject.batch, 16)
    groups = geometry.permutation_groups(subject.predict, subject.params, few, key=testing)
    matched = geometry.match_weights(
        groups, subject.params, other[0], key=matching, num_starts=NUM_STARTS
    )
    curve = geometry.fit_curve(
        subject.loss,
        subject.params,
        other[0],
        subject.batch,
        key=fitting,
        optimizer=_ADAM,
        num_steps=CURVE_STEPS,
        num_points=NUM_POINTS,
    )
    return {
        "linear_barrier": _line(subject, other[0]),
        "matched_barrier": _line(subject, matched.params),
        "curve_barrier": curve.barrier.above_mean,
        "weight_distance": matched.distance / matched.distance_before,
    }


def _line(subject, end):
    ends = subject.params, end
    found = geometry.linear_barrier(subject.loss, *ends, subject.batch, num_points=NUM_POINTS)
    return found.above_mean


def _suits(model: nn.Module) -> bool:
    # The running statistics of a batch norm mean nothing between two networks.
    return getattr(model, "norm", "batch") != "batch"


CONNECTIVITY = Measure(
    "connectivity",
    (
        *columns(
            *BARRIERS,
            readings=("matched", "end"),
            smallest=Smallest(
                0.1, "nats: a fifth of the loss of 0.5 at which twins are compared as a rule"
            ),
            floor=0.0,
            follows_rate=True,
        ),
        *columns("weight_distance", readings=("matched", "end")),
    ),
    _measure,
    source="Frankle et al. 2020 (line), Ainsworth et al. 2023 (matching), Garipov et al. 2018, eq. 2 (curve)",
    cost=2.0,
    suits=_suits,
)

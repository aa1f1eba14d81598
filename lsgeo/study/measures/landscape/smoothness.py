"""Smoothness along the gradient, and how far random slices lie above their convex hull (claim C1)."""

import math

import jax
import numpy as np

from lsgeo import geometry
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

STEPS = (3e-3, 1e-2, 3e-2)  # learning rates; shorter steps are lost in the rounding of float32
NUM_PLANES = 8
AXIS = np.linspace(-1, 1, 11)  # filter norms


def _measure(subject: Subject) -> dict[str, float]:
    problem = subject.loss, subject.params, subject.batch
    return {
        "gradient_smoothness": geometry.gradient_smoothness(*problem, steps=STEPS).value,
        "hull_deficit": float(np.mean([_deficit(subject, i) for i in range(NUM_PLANES)])),
    }


def _deficit(subject, plane):
    directions = geometry.filter_normalized_directions(
        subject.params,
        key=jax.random.fold_in(subject.key, plane),
        loss=subject.loss,
        batch=subject.batch,
    )
    surface = geometry.surface(
        subject.loss, subject.params, subject.batch, directions, xs=AXIS, ys=AXIS
    )
    return geometry.hull_deficit(surface).relative


SMOOTHNESS = Measure(
    "smoothness",
    (
        *columns(
            "gradient_smoothness",
            readings=("matched", "end"),
            smallest=Smallest(
                math.log(1.25), "changes the largest stable step by a quarter", ratio=True
            ),
            floor=0.0,
            follows_rate=True,
        ),
        *columns(
            "hull_deficit",
            readings=("matched", "end"),
            smallest=Smallest(0.01, "a hundredth of the surface's height: no eye sees less"),
            floor=0.0,
            ceiling=1.0,
            follows_rate=True,
        ),
    ),
    _measure,
    source="Santurkar et al. 2018, section 3.2; slices of Li et al. 2018",
    cost=1.0,
)

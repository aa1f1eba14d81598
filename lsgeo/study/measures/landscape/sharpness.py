"""Widths and sharpness beside the Hessian's own: the first two stay under rescaling (claims C3 and C4)."""

import math

import jax

from lsgeo import geometry, models
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

RISES = {"filter_radius": 0.1, "filter_radius_1": 1.0}  # nats
NUM_DIRECTIONS = 10
MAX_RADIUS = 4.0
NUM_MATVECS = 12  # for the trace that comes with the eigenvalue


def _measure(subject: Subject) -> dict[str, float]:
    keys = iter(jax.random.split(subject.key, 3))
    return {
        **_radii(subject, next(keys)),
        "adaptive_sharpness": _adaptive(subject, next(keys)),
        "fisher_rao": _fisher_rao(subject),
        "keskar_sharpness": _keskar(subject, next(keys)),
    }


def _radii(subject, key):
    found = {}
    for name, rise in RISES.items():
        radius = geometry.filter_radius(
            *_problem(subject),
            key=key,
            rise=rise,
            num_directions=NUM_DIRECTIONS,
            max_radius=MAX_RADIUS,
        )
        beyond = math.isinf(radius.median)
        found |= {name: MAX_RADIUS if beyond else radius.median, f"{name}_bound": float(beyond)}
    return found


def _adaptive(subject, key):
    found = geometry.hessian_sharpness(
        *_problem(subject), key=key, scaling="magnitude", num_matvecs=NUM_MATVECS
    )
    return max(found.largest, 0.0)


def _fisher_rao(subject):
    # A loss with weight decay in it has that of the data inside.
    loss = getattr(subject.loss, "loss", subject.loss)
    likelihood = "gaussian" if isinstance(loss, models.SquaredError) else "softmax"
    found = geometry.fisher_rao_norm(
        subject.predict, subject.params, subject.batch, likelihood=likelihood
    )
    return found.squared


def _keskar(subject, key):
    return geometry.keskar_sharpness(*_problem(subject), key=key, num_starts=2).value


def _problem(subject):
    return subject.loss, subject.params, subject.batch


SHARPNESS = Measure(
    "sharpness",
    (
        *columns(
            *RISES,
            readings=("matched", "end"),
            smallest=Smallest(
                math.log(1.25) / 2,
                "what a quarter in curvature does: a radius goes as one over its root",
                ratio=True,
            ),
            floor=0.0,
            ceiling=MAX_RADIUS,
            follows_rate=True,
        ),
        *columns(*(f"{name}_bound" for name in RISES), readings=("matched", "end")),
        *columns(
            *("adaptive_sharpness", "fisher_rao", "keskar_sharpness"),
            readings=("matched", "end"),
            smallest=Smallest(
                math.log(1.25), "a quarter, as for the largest curvature beside it", ratio=True
            ),
            floor=0.0,
            follows_rate=True,
        ),
    ),
    _measure,
    source="filter radius: half width of the slices of Li et al. 2018; adaptive sharpness: largest eigenvalue "
    "of |w| H |w|, the limit of Kwon et al. 2021 for a small radius; squared Fisher-Rao norm: Liang et al. "
    "2019; Keskar et al. 2017, metric 2.1, from below",
    cost=1.5,
)

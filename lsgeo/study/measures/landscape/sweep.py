"""The largest curvature towards a learning rate of zero, by trainings at a third and a tenth of the rate."""

import math

import flax.linen as nn

from lsgeo.operators import hessian
from lsgeo.spectra import extreme_eigenpairs
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject
from lsgeo.study.races.sweeps import towards_zero

# Shares of the training's own rate, and the column that has the largest eigenvalue there.
SHARES = {0.1: "sharpness_at_tenth", 0.3: "sharpness_at_third", 1.0: "sharpness_at_rate"}
ENDS = ("sharpness_limit", "sharpness_limit_lower", "sharpness_limit_upper")
TOLERANCE = 1e-2


def _measure(subject: Subject) -> dict[str, float | bool]:
    found = [subject.at_rate(share) for share in SHARES]
    values = [math.nan if one is None else _largest(subject, one[0]) for one in found]
    limits = [math.nan if one is None else one[1] for one in found]
    sweep = towards_zero(tuple(SHARES), values, limits, error=TOLERANCE)
    return {
        **dict(zip(SHARES.values(), values, strict=True)),
        **dict(zip(ENDS, (sweep.value, sweep.lower, sweep.upper), strict=True)),
        "sharpness_limit_bound": sweep.is_bound,
        "sweep_limit_share": sweep.limit_share,
    }


def _largest(subject, params):
    op = hessian(subject.loss, params, subject.batch)
    found = extreme_eigenpairs(op, key=subject.key, top=1, bottom=0, tol=TOLERANCE)
    return float(found.values[-1])


def _suits(model: nn.Module) -> bool:
    # The running statistics of a batch norm are those of one training.
    return getattr(model, "norm", "batch") != "batch"


SWEEP = Measure(
    "sweep",
    (
        *columns(
            ENDS[0],
            readings=("matched",),
            smallest=Smallest(
                math.log(1.25), "changes the largest stable step by a quarter", ratio=True
            ),
        ),
        *columns(
            *SHARES.values(),
            *ENDS[1:],
            "sharpness_limit_bound",
            "sweep_limit_share",
            readings=("matched",),
        ),
    ),
    _measure,
    source="see lsgeo.study.races.sweeps.towards_zero",
    cost=10.0,
    suits=_suits,
)

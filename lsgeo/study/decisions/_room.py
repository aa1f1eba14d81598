"""Where a number decides nothing: at a floor, a ceiling or a tie, and where the learning rate made it."""

import numpy as np

from lsgeo.study.claims.records import Hypothesis
from lsgeo.study.contrasts.paired import Condition
from lsgeo.study.contrasts.samples import Sample, Sides
from lsgeo.study.decisions.statistics import FEWEST
from lsgeo.study.measures import column
from lsgeo.study.races.sweeps import HELD

ROUNDING = 1e-6  # of numbers that were computed in float32


def no_room(hypothesis: Hypothesis, sample: Sample) -> str:
    """Why a sample could not have shown an effect: "tie", "floor", "ceiling", or "" where it could.

    A tie is that both twins have the same number in all pairs, up to float32's rounding or the instrument's
    resolution: twins that are equal by construction, or that were too few examples to tell apart. A floor or a
    ceiling is that, in more than half of the pairs, both twins' numbers lie nearer to the column's end than the
    smallest effect that counts, or than the resolution: what is left of the scale holds no effect. Where a
    contrast is one of several conditions, each of its sides needs room.

    Args:
      hypothesis: whose contrast was sampled.
      sample: with the twins' own numbers in `sides`; a contrast without them, such as a correlation, always
        has room.
    """
    sides = [side for side in map(_measured, sample.sides) if len(side.without) >= FEWEST]
    if not sides:
        return ""
    if all(_tied(side).all() for side in sides):
        return "tie"
    judged = column(hypothesis.contrast.judged)
    for side in sides if judged else ():
        for name, end in (("floor", judged.floor), ("ceiling", judged.ceiling)):
            if end is not None and np.mean(_at_end(side, end, hypothesis)) > 0.5:
                return name
    return ""


def is_bound(hypothesis: Hypothesis, condition: Condition, sample: Sample) -> bool:
    """Whether the optimiser's limit may hold the number: its size is then no property of a landscape.

    Gradient descent at a learning rate keeps the largest curvature below its stability limit, 2 / rate without
    momentum (Cohen et al. 2021): a network near it has the curvature that its rate allows, and would have more
    at a smaller one. The sign may be safe all the same: where the network with more curvature alone is held,
    the true ratio is larger than the measured one. Where both are, the ratio is one of rates, and says nothing;
    and a difference that is not there may be one that both limits hide. So none of the three counts as decided.

    Args:
      hypothesis: whose columns tell of curvature, or not (`Column.follows_rate`).
      condition: a trained point, or the start, which no rate has made.
      sample: with `limit_share`.
    """
    columns = [column(name) for name in hypothesis.contrast.columns]
    follows = any(one is not None and one.follows_rate for one in columns)
    return follows and condition.reading in ("matched", "end") and sample.limit_share >= HELD


def _measured(side):
    there = np.isfinite(side.without) & np.isfinite(side.with_skip)
    return Sides(side.without[there], side.with_skip[there], side.resolution[there])


def _tied(side):
    size = np.maximum(np.abs(side.without), np.abs(side.with_skip))
    apart = np.abs(side.without - side.with_skip)
    return apart <= np.maximum(ROUNDING * size, side.resolution)


def _at_end(side, end, hypothesis):
    left = [_left(x, end, side.resolution, hypothesis) for x in (side.without, side.with_skip)]
    return left[0] & left[1]


def _left(values, end, resolution, hypothesis):
    apart = np.abs(values - end)
    if not hypothesis.contrast.is_ratio:
        return apart <= np.maximum(resolution, hypothesis.smallest)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(np.log(values + resolution) - np.log(end + resolution))
    return (apart <= resolution) | (ratio <= hypothesis.smallest)

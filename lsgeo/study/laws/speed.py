"""How much faster networks with skips train, against how much larger steps they allow (L2)."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import curve
from lsgeo.study.laws._table import Table
from lsgeo.study.laws._words import (
    above,
    blocks,
    decided,
    factor,
    label,
    norm_of,
    phrase,
    place,
    times,
    within,
)
from lsgeo.study.laws.records import Law, LawResult, unmeasured

# The best rates are known to half a step of the grid, a factor of 1.8: at one rate less than that has to do.
SMALLEST = math.log(1.5)
CORRELATION = 0.5  # a rank correlation below explains less than a quarter of what differs
MARGIN = 0.25  # of a power: at a ratio of ten, speed-ups of 5.6 and of 18 are alike
FEWEST = 4  # conditions that a rank correlation needs
COMMON = "step_at_0.5"


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table = Table(rows)
    best, left_out = _conditions(table, designs, "steps")
    common, _ = _conditions(table, designs, COMMON)
    count = sum(len(by_depth) for by_depth in best.values())
    if count < FEWEST:
        return unmeasured(
            law,
            f"a correlation needs {FEWEST} conditions in which both twins have a stable rate and a best "
            f"speed, and there are {count}",
        )
    lines = _lines(best)
    power, ranks = _fits.multiples_of(lines), _fits.ranks_of(lines, FEWEST)
    at_one = {
        where: _fits.means_of(y for _, y in by_depth.values()) for where, by_depth in common.items()
    }
    level = 1 - (1 - _fits.CONFIDENCE) / (2 + len(at_one))
    agree, same = (
        f"the ranks of speed-up and ratio of stable rates agree, correlation {_correlation(ranks)}",
        f"the speed-up is the ratio of stable rates itself, to the power {power.fitted()}",
    )
    checks = [
        above(agree, _correlation(ranks, level), CORRELATION),
        within(same, power.fitted(level), 1.0, MARGIN),
        *(_no_faster(where, sample, level) for where, sample in at_one.items()),
    ]
    curves = [
        *_curves(best, "each arm at its best rate", lambda x: x),
        *_curves(common, "both arms at one rate", lambda x: 1.0),
    ]
    return decided(
        law, curves, checks, _sentence(best, power, ranks, at_one), (), ". ".join(left_out)
    )


def _conditions(table, designs, column):
    """By family, norm and arm: by depth, the log ratio of stable rates, and by pair that of the steps."""
    found, left_out = {}, []
    for family, norm, arms in blocks(designs):
        for arm in (arm for arm in arms if arm != "plain" and "plain" in arms):
            plain, other = (family, norm, "plain"), (family, norm, arm)
            rates = table.ratios(other, plain, "init", "stable_rate")
            steps = table.ratios(plain, other, "", column)
            for depth in rates.keys() & steps.keys():
                bounds = sum(bool(point.side) for point in rates[depth].values())
                if bounds:  # A place on the x axis has to be a number.
                    where = f"{place(family, norm)}, {phrase(arm)}, depth {depth}"
                    left_out.append(f"{where} is left out: {bounds} stable rates are bounds")
                    continue
                x = np.mean([point.value for point in rates[depth].values()])
                found.setdefault((family, norm, arm), {})[depth] = float(x), steps[depth]
    return {key: dict(sorted(by_depth.items())) for key, by_depth in found.items()}, left_out


def _lines(conditions):
    lines = {}
    for by_depth in conditions.values():
        for x, pairs in by_depth.values():
            for unit, point in pairs.items():
                lines.setdefault(unit, []).append((x, point))
    return lines


def _correlation(ranks, confidence=_fits.CONFIDENCE):
    found = ranks.fitted(confidence)
    ends = {name: min(max(getattr(found, name), -1.0), 1.0) for name in ("lower", "upper")}
    return dataclasses.replace(found, **ends)


def _no_faster(where, sample, level):
    family, norm, arm = where
    text = f"{place(family, norm)}: at one rate networks {phrase(arm)} are no faster"
    found = sample.fitted(level)
    return within(f"{text}, {factor(sample.fitted())}", found, 0.0, SMALLEST)


def _curves(conditions, panel, line):
    families = {family for family, _, _ in conditions}
    for (family, norm, arm), by_depth in conditions.items():
        samples = {math.exp(x): _fits.sample_of(pairs) for x, pairs in by_depth.values()}
        where = place(family, norm) if len(families) > 1 else norm_of(norm)
        name = f"{label(arm)}, {where}", arm, family, norm
        yield curve(samples, name, predicted=[line(x) for x in samples], panel=panel)


def _sentence(best, power, ranks, at_one):
    speeds = {key: max(by_depth.items()) for key, by_depth in best.items()}
    (family, norm, arm), (depth, (x, pairs)) = next(iter(speeds.items()))
    fast = _fits.sample_of(pairs).fitted()
    slow = at_one.get((family, norm, arm), _fits.Sample({})).fitted()
    return (
        f"In {place(family, norm)}, depth {depth}, a network {phrase(arm)} allows {times(x)} larger steps "
        f"and trains {factor(fast)} faster at its best rate; at one common rate, over all depths, "
        f"{factor(slow)}. Over all conditions the speed-up goes with the ratio of stable rates to the "
        f"power {power.fitted()}, rank correlation {_correlation(ranks)}."
    )


SPEED = Law(
    "L2",
    "Speed and step size",
    "Why do networks with skips train faster?",
    "They train faster by the factor by which they allow larger steps; at one common step size they are "
    "no faster",
    "Full-batch training of MLPs to one training loss, each arm at its own best rate; the common rate is "
    "the small one at which the geometry is measured.",
    "ratio of the largest stable rates (with / without skips)",
    "ratio of steps to the loss (without / with skips)",
    ("steps", "stable_rate", COMMON),
    _measure,
)

"""How sharp networks are at equal loss, over their depth (L1)."""

import math
from collections.abc import Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import SHARPNESS_COLUMNS, TOLD, over, sharpness_column
from lsgeo.study.laws._table import Table, logs
from lsgeo.study.laws._words import (
    above,
    blocks,
    decided,
    label,
    listed,
    norm_of,
    phrase,
    place,
    times,
    too_few,
    within,
)
from lsgeo.study.laws.records import Curve, Law, LawResult, unmeasured

# Over 4 to 64 blocks a power of 1/4 is a factor of 2: less than one step of a grid of learning rates.
SMALLEST = 0.25


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table, few, found = Table(rows), [], {}
    for family, norm, arms in blocks(designs):
        column = sharpness_column(table, [(family, norm, arm) for arm in arms])
        deep = {}
        for arm in arms:
            points = table.points(family, norm, arm, "matched", column)
            series = {math.log(depth): logs(pairs) for depth, pairs in points.items()}
            if len(series) >= _fits.FEWEST:
                deep[arm] = series
        if deep:
            found[family, norm] = column, deep
        else:
            few.append(f"{family} ({norm_of(norm)})")
    if not found:
        return unmeasured(law, too_few(few) or "the study has no networks")
    curves, stops, asked = [], [], []
    for (family, norm), (column, deep) in found.items():
        for arm, series in deep.items():
            curve = over(series, (label(arm), arm, family, norm))
            curves.append(curve)
            lost = table.missing(family, norm, arm, column)
            stops += _stops(curve, series, lost, sum(len(deep) for _, deep in found.values()))
        asked += _asked(place(family, norm), {arm: _fits.slopes(s) for arm, s in deep.items()})
    level = 1 - (1 - _fits.CONFIDENCE) / max(len(asked), 1)
    checks = [
        check(text.format(sample.fitted()), sample.fitted(level), *bars)
        for check, text, sample, *bars in asked
    ]
    return decided(law, curves, checks, _sentence(curves), stops, too_few(few))


def _asked(where, exponents):
    plain = exponents.get("plain")
    if plain and "residual" in exponents:
        text = f"{where}: the exponent without skips is larger than with bare skips, by {{}}"
        yield above, text, plain.minus(exponents["residual"]), SMALLEST
    if "scaled" in exponents:
        text = f"{where}: with branches scaled by 1/√L sharpness does not depend on depth, to the power {{}}"
        yield within, text, exponents["scaled"], 0.0, SMALLEST


def _stops(curve, series, missing, among):
    where = f"{place(curve.family, curve.norm)}, {phrase(curve.arm)}"
    held = [f"{x:g}" for x, bound in zip(curve.x, curve.bound, strict=True) if bound]
    if held:
        yield f"{where}: at depth {listed(held)} the learning rate holds the sharpness down, a bound"
    for x, (before, behind) in _fits.bends(series, among=among).items():
        yield f"{where}: the exponent changes at depth {math.exp(x):.0f} from {before} to {behind}"
    for depth, (lacking, of) in missing.items():
        yield f"{where}: {lacking} of {of} networks of depth {depth} never reached the loss"


def _sentence(curves: Sequence[Curve]) -> str:
    block = curves[0].family, curves[0].norm
    first = [c for c in curves if (c.family, c.norm) == block and c.arm in TOLD]
    known = [c for c in first if math.isfinite(c.exponent.value)]
    where = place(*block)
    if not known:
        return f"Sharpness has no exponent in {where}: too few networks reached the loss at three depths."
    # What a power means: the factor that twice the depth makes.
    twice = [f"{_least(c)}{times(c.exponent.value * math.log(2))} {phrase(c.arm)}" for c in known]
    powers = [f"{c.exponent} {phrase(c.arm)}" for c in known]
    return (
        f"At the same loss a network of twice the depth is {listed(twice)} as sharp ({where}, depth "
        f"{first[0].x[0]:g} to {first[0].x[-1]:g}): sharpness goes with depth to the power of {listed(powers)}."
    )


def _least(curve):
    return {1: "at least ", -1: "at most ", 0: ""}[curve.exponent.side]


SHARPNESS = Law(
    "L1",
    "Sharpness and depth",
    "How much sharper does a network become as it gets deeper?",
    "At the same loss sharpness grows with a power of depth: a high one without skips, a lower one with "
    "bare skips, none with branches scaled by 1/√L",
    "Networks at one training loss. Where the learning rate holds the sharpness down (30 % of the "
    "optimiser's limit and more) a number is a bound.",
    "depth (blocks)",
    "largest Hessian eigenvalue (nats / parameter²)",
    SHARPNESS_COLUMNS,
    _measure,
)

"""How sharp networks are at equal loss, over their depth (L1)."""

import math
from collections.abc import Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import over
from lsgeo.study.laws._table import Table, logs
from lsgeo.study.laws._words import above, blocks, decided, label, listed, phrase, place, within
from lsgeo.study.laws.records import Curve, Law, LawResult, unmeasured

# Over 4 to 64 blocks a power of 1/4 is a factor of 2: less than one step of a grid of learning rates.
SMALLEST = 0.25
COLUMNS = ("sharpness_limit", "lambda_max")


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table, few, found = Table(rows), [], {}
    for family, norm, arms in blocks(designs):
        column = _column(table, family, norm, arms)
        deep = {}
        for arm in arms:
            points = table.points(family, norm, arm, "matched", column)
            series = {math.log(depth): logs(pairs) for depth, pairs in points.items()}
            if len(series) >= _fits.FEWEST:
                deep[arm] = series
        if deep:
            found[family, norm] = column, deep
        else:
            few.append(place(family, norm))
    if not found:
        return unmeasured(law, f"a law needs three depths{_without(few)}")
    curves, stops, asked = [], [], []
    for (family, norm), (column, deep) in found.items():
        for arm, series in deep.items():
            curve = over(series, (label(arm), arm, family, norm))
            curves.append(curve)
            stops += _stops(curve, series, table.missing(family, norm, arm, column))
        asked += _asked(place(family, norm), {arm: _fits.slopes(s) for arm, s in deep.items()})
    level = 1 - (1 - _fits.CONFIDENCE) / max(len(asked), 1)
    checks = [
        check(f"{text} ({sample.fitted()})", sample.fitted(level), *bars)
        for check, text, sample, *bars in asked
    ]
    notes = [f"{where}: a law needs three depths" for where in few]
    return decided(law, curves, checks, _sentence(curves), stops, notes)


def _column(table, family, norm, arms):
    # One metric for all arms: the rate's own share must not be taken out of one of them alone.
    for column in COLUMNS:
        depths = [
            len(table.points(family, norm, arm, "matched", column))
            for arm in arms
            if table.points(family, norm, arm, "matched", COLUMNS[-1])
        ]
        if depths and min(depths) >= _fits.FEWEST:
            return column
    return COLUMNS[-1]


def _asked(where, exponents):
    plain = exponents.get("plain")
    if plain and "residual" in exponents:
        text = f"{where}: the exponent without skips is larger than with bare skips, by"
        yield above, text, plain.minus(exponents["residual"]), SMALLEST
    if "scaled" in exponents:
        text = f"{where}: with branches scaled by 1/√L sharpness does not depend on depth, exponent"
        yield within, text, exponents["scaled"], 0.0, SMALLEST


def _stops(curve, series, missing):
    where = f"{place(curve.family, curve.norm)}, {phrase(curve.arm)}"
    held = [f"{x:g}" for x, bound in zip(curve.x, curve.bound, strict=True) if bound]
    if held:
        yield f"{where}: at depth {listed(held)} the learning rate holds the sharpness down, a bound"
    for x, (before, behind) in _fits.bends(series).items():
        yield f"{where}: the exponent changes at depth {math.exp(x):.0f} from {before} to {behind}"
    for depth, (lacking, of) in missing.items():
        yield f"{where}: {lacking} of {of} networks of depth {depth} never reached the loss"


def _sentence(curves: Sequence[Curve]) -> str:
    first = [c for c in curves if (c.family, c.norm) == (curves[0].family, curves[0].norm)]
    named = [f"{c.exponent} {phrase(c.arm)}" for c in first if not math.isnan(c.exponent.value)]
    where = place(curves[0].family, curves[0].norm)
    if not named:
        return (
            f"Sharpness over depth has no exponent in {where}: too few networks reached the loss."
        )
    return (
        f"At the same loss sharpness grows with depth to the power of {listed(named)} ({where}, depth "
        f"{first[0].x[0]:g} to {first[0].x[-1]:g})."
    )


def _without(few):
    return f", and {listed(few)} have fewer" if few else ""


SHARPNESS = Law(
    "L1",
    "Sharpness and depth",
    "How much sharper does a network become as it gets deeper?",
    "At the same loss sharpness grows with a power of depth: a high one without skips, a lower one with bare "
    "skips, none with branches scaled by 1/√L",
    "Networks at one training loss. Where the learning rate holds the sharpness down (30 % of the optimiser's limit "
    "and more) a number is a bound.",
    "depth (blocks)",
    "largest eigenvalue of the Hessian (nats / parameter²)",
    COLUMNS,
    _measure,
)

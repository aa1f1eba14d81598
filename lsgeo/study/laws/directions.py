"""How many directions are flat or lead down, by relative and absolute thresholds (L4)."""

import itertools
import math
import re
from collections.abc import Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import curve
from lsgeo.study.laws._table import Table
from lsgeo.study.laws._words import above, below, blocks, decided, factor, label, listed, place
from lsgeo.study.laws.records import Law, LawResult, unmeasured

# A quarter more or fewer: the share of flat directions scatters by about a tenth from seed to seed.
SMALLEST = math.log(1.25)
ARMS = ("plain", "residual", "scaled")
ONE = "eigenvalue_share"
KINDS = {
    "flat_rel": "flat, relative threshold",
    "flat_abs": "flat, absolute threshold",
    "negative_rel": "downward, relative threshold",
    "negative_abs": "downward, absolute threshold",
}
# What the law says of the share without skips over that with skips, at thresholds that answer one question
# each.
SAYS = {
    "flat_rel_1e-4": (
        above,
        SMALLEST,
        "fewer flat directions with skips within 1e-4 of the largest eigenvalue",
    ),
    "flat_abs_1e-2": (below, -SMALLEST, "more flat directions with skips within 0.01"),
    "negative_rel_1e-4": (
        below,
        -SMALLEST,
        "more downward directions with skips beyond 1e-4 of the largest eigenvalue",
    ),
    "negative_abs_1e-1": (above, SMALLEST, "fewer downward directions with skips beyond 0.1"),
}


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table, curves, asked, stops, first = Table(rows), [], [], [], ""
    thresholds = _thresholds(rows)
    for family, norm, arms in blocks(designs):
        depths = table.depths(family, norm, "plain", "matched")
        ratios = {column: _ratios(table, (family, norm), column) for column in SAYS}
        if not any(ratios.values()) or "residual" not in arms:
            continue
        for depth in reversed(depths):
            curves += _curves(table, (family, norm, depth), arms, thresholds)
        for column, (check, bar, text) in SAYS.items():
            sample = _fits.means_of(ratios[column].values())
            asked.append((check, f"{place(family, norm)}: {text}", sample, bar))
        stops += _held(table, (family, norm), depths)
        first = first or _sentence(table, (family, norm), thresholds)
    if not curves:
        return unmeasured(law, "no network of this study has a dense Hessian")
    level = 1 - (1 - _fits.CONFIDENCE) / len(asked)
    checks = [
        check(f"{text}, {factor(sample.fitted())} without over with", sample.fitted(level), bar)
        for check, text, sample, bar in asked
    ]
    return decided(law, curves, checks, first, stops)


def _thresholds(rows):
    """The columns of each kind by threshold, ascending, as far as any row has them."""
    pattern = re.compile(rf"({'|'.join(KINDS)})_(.+)")
    found = {kind: {} for kind in KINDS}
    for name in dict.fromkeys(name for row in rows for name in row):
        match = pattern.fullmatch(name)
        if match:
            found[match[1]][float(match[2])] = name
    return {kind: dict(sorted(columns.items())) for kind, columns in found.items()}


def _ratios(table, block, column):
    # Without over with skips; one eigenvalue more on both sides, as it cannot be told from none.
    sides = ((*block, arm) for arm in ("plain", "residual"))
    return table.ratios(*sides, "matched", column, least=ONE)


def _curves(table, where, arms, thresholds):
    family, norm, depth = where
    for (kind, columns), arm in itertools.product(thresholds.items(), ARMS):
        if arm not in arms:
            continue
        samples = {}
        for threshold, column in columns.items():
            points = table.points(family, norm, arm, "matched", column).get(depth, {})
            if points:
                samples[threshold] = _fits.sample_of(points)
        if len(samples) > 1:
            panel = f"{KINDS[kind]}, {place(family, norm)}, depth {depth}"
            yield curve(samples, (label(arm), arm, family, norm), scale=_share, panel=panel)


def _share(value):
    return min(max(value, 0.0), 1.0)


def _held(table, block, depths):
    column = next(iter(SAYS))
    for arm in ("plain", "residual"):
        points = table.points(*block, arm, "matched", column)
        held = [f"{d}" for d in depths if any(p.side for p in points.get(d, {}).values())]
        if held:
            yield (
                f"{place(*block)}, {label(arm)}: at depth {listed(held)} the learning rate holds the "
                "largest eigenvalue down, and with it the relative thresholds"
            )


def _sentence(table, block, thresholds):
    parts = []
    for kind, columns in thresholds.items():
        fewer, more = [], []
        for threshold, column in columns.items():
            ratios = _ratios(table, block, column)
            found = _fits.means_of(ratios.values()).fitted(1 - 0.05 / len(columns))
            fewer += [threshold] if found.lower > 0 else []
            more += [threshold] if found.upper < 0 else []
        told = [f"fewer {_span(fewer)}"] if fewer else []
        told += [f"more {_span(more)}"] if more else []
        parts.append(f"{KINDS[kind]}: {' and '.join(told) or 'no difference that is seen'}")
    return f"With skips ({place(*block)}, over all depths): {'; '.join(parts)}."


def _span(thresholds):
    ends = [f"{one:.0e}".replace("e-0", "e-").replace("e+0", "e") for one in thresholds]
    return f"from {ends[0]} to {ends[-1]}" if len(ends) > 1 else f"at {ends[0]}"


DIRECTIONS = Law(
    "L4",
    "Flat and downward directions",
    "Do skips remove flat and downward directions?",
    "By thresholds relative to the largest eigenvalue skips leave fewer flat directions and more downward "
    "ones; by absolute thresholds it is the other way about",
    "MLPs small enough for a dense Hessian, at one training loss. What is relative moves with the largest "
    "eigenvalue, which skips make smaller.",
    "threshold (of the largest eigenvalue, or nats / parameter²)",
    "share of directions (of 1)",
    (*SAYS, ONE),
    _measure,
    log_y=False,
    arms=ARMS,
)

"""What a norm, an initialisation and a branch scale do in the skip's place (L5)."""

import math
from collections.abc import Sequence

from lsgeo.study.arms import ARMS
from lsgeo.study.contrasts import Row
from lsgeo.study.decisions import statistics
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import SHARPNESS_COLUMNS, curve, sharpness_column
from lsgeo.study.laws._table import Table
from lsgeo.study.laws._words import (
    above,
    below,
    blocks,
    decided,
    factor,
    label,
    listed,
    norm_of,
    times,
    too_few,
)
from lsgeo.study.laws.records import Law, LawResult, unmeasured

# Over the seeds of a study the sharpness of one kind of network scatters by a factor of about 1.3.
SMALLEST = math.log(1.5)
WIDEST = 2.0  # A share whose interval is longer says nothing.
REFERENCE, SKIP, SCALED = ("none", "plain"), ("none", "residual"), ("none", "scaled")


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table, curves, asked, parts, few = Table(rows), [], [], [], []
    for family, kinds in _families(designs).items():
        column = sharpness_column(table, [(family, *kind) for kind in (REFERENCE, *kinds)])
        flatter = {kind: _flatter(table, family, kind, "matched", column) for kind in kinds}
        depths = table.points(family, *REFERENCE, "matched", column)
        if len(depths) < _fits.FEWEST or not flatter[SKIP]:
            few.append(family)
            continue
        curves += [
            curve(
                {depth: _fits.sample_of(points) for depth, points in by_depth.items()},
                (_label(kind), kind[1], family, kind[0]),
                panel=family,
            )
            for kind, by_depth in flatter.items()
            if by_depth
        ]
        asked += _asked(table, family, kinds, column)
        parts.append(_parts(table, family, flatter))
    if not curves:
        return unmeasured(
            law, too_few(few) or "no family has the plain network without a norm and its twin"
        )
    level = 1 - (1 - _fits.CONFIDENCE) / max(len(asked), 1)
    checks = [
        check(f"{text}, {factor(sample.fitted())}", sample.fitted(level), bar)
        for check, text, sample, bar in asked
    ]
    return decided(law, curves, checks, f"{'. '.join(parts)}.", _stops(curves), too_few(few))


def _families(designs):
    # Kinds of networks, (norm, arm), of each family that has the plain network without a norm and its twin.
    found = {}
    for family, norm, arms in blocks(designs):
        found.setdefault(family, []).extend((norm, arm) for arm in arms)
    return {
        family: [kind for kind in kinds if kind == SKIP or _stands_in(kind)]
        for family, kinds in found.items()
        if REFERENCE in kinds and SKIP in kinds
    }


def _stands_in(kind):
    norm, arm = kind
    initialised = arm in ARMS and ARMS[arm].skip == "none" and ARMS[arm].initializer
    return kind == SCALED or (arm == "plain" and norm != "none") or (norm == "none" and initialised)


def _flatter(table, family, kind, reading, column):
    return table.ratios((family, *REFERENCE), (family, *kind), reading, column)


def _asked(table, family, kinds, column):
    def compared(kind, other):
        ratios = table.ratios((family, *kind), (family, *other), "matched", column)
        return _fits.means_of(ratios.values())

    for kind in kinds:
        norm, arm = kind
        if arm in ARMS and ARMS[arm].initializer == "identity":
            text = f"{family}: weights near the identity are as flat as the bare skip or flatter"
            yield above, text, compared(SKIP, kind), -SMALLEST
        elif arm == "plain":
            text = f"{family}: {norm} norm alone makes the plain network no flatter"
            yield below, text, compared(REFERENCE, kind), SMALLEST
        elif kind == SCALED:
            text = f"{family}: scaled skips are flatter than bare ones"
            yield above, text, compared(SKIP, kind), SMALLEST


def _parts(table, family, flatter):
    """A sentence on each family: what the skip achieves at its largest depth, and what its stand-ins do."""
    skip, fewer = flatter[SKIP], _steps(table, family, flatter)
    depth = max(skip, key=lambda d: (len(skip[d]) >= statistics.FEWEST, d))
    parts = []
    for kind in (SKIP, *(kind for kind in flatter if kind != SKIP)):
        if depth in flatter[kind]:
            flat = _fits.sample_of(flatter[kind][depth]).fitted()
            share = "" if kind == SKIP else _percent(_share(flatter[kind][depth], skip[depth]))
            fast = fewer[kind][depth]
            steps = f", {times(fast)} fewer steps" if math.isfinite(fast) else ""
            parts.append(f"{_label(kind)} {factor(flat)} flatter{share}{steps}")
    return f"{family}, depth {depth}, beside no skip and no norm: {'; '.join(parts)}"


def _steps(table, family, flatter):
    # Speed-ups as logarithms, mean over pairs; NaN where there is none.
    found = {}
    for kind, by_depth in flatter.items():
        ratios = _flatter(table, family, kind, "", "steps")
        means = {depth: _fits.sample_of(ratios.get(depth, {})).fitted().value for depth in by_depth}
        found[kind] = means
    return found


def _percent(share):
    # Where the skip itself achieves little, a share of it is any number.
    if math.isnan(share.value) or share.upper - share.lower > WIDEST:
        return ""
    ends = f"{100 * share.lower:.0f} to {100 * share.upper:.0f}"
    return f", {100 * share.value:.0f} % ({ends}) of the skip's logarithm"


def _share(part, whole):
    # A share of two numbers of which one is a bound may lie to either side.
    parts, wholes = (
        {unit: point.value for unit, point in side.items() if not point.side}
        for side in (part, whole)
    )
    return _fits.share(parts, wholes)


def _label(kind):
    norm, arm = kind
    return label(arm) if norm == "none" else f"{label(arm)}, {norm_of(norm)}"


def _stops(curves):
    for one in curves:
        held = [f"{x:g}" for x, bound in zip(one.x, one.bound, strict=True) if bound]
        if held:
            where = f"{one.family}, {one.label}"
            yield f"{where}: at depth {listed(held)} the learning rate holds one of the two down, a bound"


STAND_INS = Law(
    "L5",
    "In place of the skip",
    "What do a norm, an initialisation and a branch scale do in the skip's place?",
    "Weights that start near the identity make a plain network as flat as the bare skip does; a norm "
    "alone does not; scaled branches do more than the skip alone",
    "Networks at one training loss, each beside the plain network without a norm of the same seed.",
    "depth (blocks)",
    "times flatter than no skip, no norm",
    (*SHARPNESS_COLUMNS, "steps"),
    _measure,
)

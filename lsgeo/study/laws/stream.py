"""How the gradient of the stream shrinks or grows at initialisation, over depth and width (L3)."""

import math
from collections.abc import Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws import _fits
from lsgeo.study.laws._curves import curve
from lsgeo.study.laws._table import Table
from lsgeo.study.laws._words import blocks, decided, label, listed, phrase, place, too_few, within
from lsgeo.study.laws.records import Law, LawResult, unmeasured

ARMS = ("plain", "residual", "scaled")
PREDICTED = "stream_log_ratio_predicted"
# Means over many initialisations of each network tell more than its own one.
COLUMNS = ("stream_log_ratio_redrawn", "stream_log_ratio")
# Of a line: they are of the first order in 1 / width. Counted exactly, with the mean of log chi-squared over a
# binomial number of active units, a plain block takes 13 % more at 16 units, 6 % at 32 and 3 % at 64.
SMALLEST = 0.2
PER_DEPTH = -1.25  # Hanin and Nica 2018: the plain line over (depth - 1) / width


def _measure(law: Law, rows: Sequence[Row], designs: Sequence[Design]) -> LawResult:
    table, curves, stops, asked, places, few = Table(rows), [], [], [], [], []
    for family, norm, arms in blocks(designs):
        for arm in (arm for arm in ARMS if arm in arms):
            found = _line(table, family, norm, arm)
            where = f"{place(family, norm)}, networks {phrase(arm)}"
            if len(found) < _fits.FEWEST:
                few += [where] if found else []
                continue
            samples = [(_fits.sample_of(points), line) for line, points in found.values()]
            measured = dict(zip(found, (sample for sample, _ in samples), strict=True))
            names, theory = (label(arm), arm, family, norm), [line for _, line in samples]
            curves.append(curve(measured, names, scale=float, predicted=theory))
            asked.append((where, _fits.multiples_of(_by_pair(found))))
            stops += _stops(where, measured, theory)
            places += samples
    if not curves:
        return unmeasured(
            law,
            too_few(few) or "no MLP without a norm was asked for its gradients at initialisation",
        )
    level = 1 - (1 - _fits.CONFIDENCE) / len(asked)
    checks = [
        within(f"{where}: {sample.fitted()} times the line", sample.fitted(level), 1.0, SMALLEST)
        for where, sample in asked
    ]
    agreement = _fits.agreement(places)
    return decided(law, curves, checks, _sentence(curves, agreement), stops, too_few(few))


def _line(table, family, norm, arm):
    """By (depth - 1) / width: the predicted number and the measured ones by pair."""
    theory = table.points(family, norm, arm, "init", PREDICTED)
    plain = table.points(family, norm, "plain", "init", PREDICTED)
    found = {}
    for column in COLUMNS:
        measured = table.points(family, norm, arm, "init", column)
        for depth in theory.keys() & plain.keys() & measured.keys():
            x = round(next(iter(plain[depth].values())).value / PER_DEPTH, 9)
            line = {round(point.value, 9) for point in theory[depth].values()}
            if len(line) > 1:
                raise ValueError(
                    f"`{PREDICTED}` of {place(family, norm)}, {arm}, depth {depth} is {sorted(line)}. "
                    "Networks of one depth and width have one; give networks of another width a family of "
                    "their own."
                )
            found.setdefault(x, (line.pop(), measured[depth]))
    return dict(sorted(found.items()))


def _by_pair(found):
    lines = {}
    for line, points in found.values():
        for unit, point in points.items():
            lines.setdefault(unit, []).append((line, point))
    return lines


def _stops(where, measured, theory):
    level = 1 - (1 - _fits.CONFIDENCE) / len(measured)
    for (x, sample), line in zip(measured.items(), theory, strict=True):
        found, margin = sample.fitted(level), SMALLEST * abs(line)
        if found.lower > line + margin or found.upper < line - margin:
            yield f"{where}: at (L - 1) / n = {x:.3g} it is {found.value:+.2f}, predicted {line:+.2f}"


def _sentence(curves, agreement):
    first = [c for c in curves if (c.family, c.norm) == (curves[0].family, curves[0].norm)]
    parts = [
        f"{math.exp(c.value[-1]):.3g} {phrase(c.arm)} (predicted {math.exp(c.predicted[-1]):.3g})"
        for c in first
    ]
    return (
        "At initialisation, from the last block's stream back to the first one's, the gradient is "
        f"multiplied by {listed(parts)}, at (L - 1) / n = {first[0].x[-1]:.3g}; {agreement.covered} of "
        f"{agreement.count} intervals hold the predicted number, the farthest is {agreement.farthest:.1f} "
        "standard errors away."
    )


STREAM = Law(
    "L3",
    "Gradients and depth over width",
    "Do gradients vanish without skips?",
    "At initialisation the gradient of the stream shrinks without skips, grows with bare ones and stays "
    "with scaled ones, as three lines of theory say, without a free parameter",
    "ReLU MLPs with He's initialisation and no norm, with blocks of one layer, before training. The "
    "kernels' gradients do not show it.",
    "depth over width, (L - 1) / n",
    "log of the gradient, first stream over last (nats)",
    (PREDICTED, *COLUMNS),
    _measure,
    log_x=False,
    log_y=False,
    arms=ARMS,
)

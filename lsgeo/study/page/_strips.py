"""The findings of a hypothesis as strips: one small plot of dots and an interval per condition."""

import dataclasses
import math

import numpy as np

from lsgeo import study
from lsgeo.study.page import words

WIDTH, HEIGHT, MARGIN = 220, 18, 8
FARTHEST = math.log(1e4)  # beyond, an interval would squeeze all others


@dataclasses.dataclass(frozen=True)
class Strip:
    """SVG path data of one finding, in pixels: its interval, its mean, its seeds; "" where it has none."""

    finding: study.Finding
    interval: str
    mean: str
    dots: str
    bar_start: str
    bar_end: str


@dataclasses.dataclass(frozen=True)
class Strips:
    """All findings of one hypothesis on one scale.

    Attributes:
      rows: strips, the primary one first.
      zero: place of no difference.
      band: places of minus the threshold and of the threshold.
      ticks: (place, text) of the scale.
    """

    rows: tuple[Strip, ...]
    zero: float
    band: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]


def strips(verdict: study.Verdict) -> Strips:
    """Lays out the findings of a verdict."""
    hypothesis = verdict.hypothesis
    low, high = _limits(verdict)

    def place(value):
        share = (min(max(value, low), high) - low) / (high - low)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    rows = tuple(_strip(finding, place, low, high) for finding in verdict.findings)
    band = place(-hypothesis.smallest), place(hypothesis.smallest)
    show = words.factor if hypothesis.contrast.is_ratio else words.number
    ticks = ((place(x), show(x)) for x in _ticks(low, high, hypothesis.contrast.is_ratio))
    return Strips(rows, place(0.0), band, tuple(ticks))


def _strip(finding, place, low, high):
    effect, middle = finding.effect, HEIGHT // 2
    if math.isnan(effect.value):
        return Strip(finding, "", "", "", "", "")
    ends = [place(low if math.isnan(x) else x) for x in (effect.lower, effect.upper)]
    values = [float(x) for x in finding.sample.values if np.isfinite(x)]
    x = place(effect.value)
    return Strip(
        finding,
        f"M{ends[0]:g} {middle}H{ends[1]:g}",
        f"M{x - 5:g} {middle}l5 -5 5 5 -5 5z",
        "".join(f"M{place(value):g} {middle}h0" for value in values),
        # An end beyond the scale has an arrow, one within it a stroke.
        _end(ends[0], middle, effect.lower < low, -1),
        _end(ends[1], middle, effect.upper > high, 1),
    )


def _end(x, middle, beyond, side):
    if beyond:
        return f"M{x - 4 * side:g} {middle - 4}L{x:g} {middle}L{x - 4 * side:g} {middle + 4}"
    return f"M{x:g} {middle - 4}v8"


def _limits(verdict):
    threshold, is_ratio = verdict.hypothesis.smallest, verdict.hypothesis.contrast.is_ratio
    found = [-1.2 * threshold, 1.2 * threshold]
    for finding in verdict.findings:
        found += [x for x in (finding.effect.lower, finding.effect.upper) if math.isfinite(x)]
        found += [float(x) for x in finding.sample.values if np.isfinite(x)]
    low, high = min(found), max(found)
    if is_ratio:
        low, high = max(low, -FARTHEST), min(high, FARTHEST)
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


def _ticks(low, high, is_ratio):
    # No difference, and what lies near both ends.
    ends = [low + 0.06 * (high - low), high - 0.06 * (high - low)]
    kept = [x for x in ends if abs(x) > 0.22 * (high - low)]
    if is_ratio:
        kept = [_round_factor(x) for x in kept]
    return sorted([0.0, *kept])


def _round_factor(log_ratio):
    value = math.exp(abs(log_ratio))
    if value < 2:
        return log_ratio
    decade = 10.0 ** math.floor(math.log10(value))
    below = max(step * decade for step in (1, 2, 5) if step * decade <= value * 1.0001)
    return math.copysign(math.log(below), log_ratio)

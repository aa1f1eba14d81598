"""Effects of the skip connection, one row per claim."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, dress

FARTHEST = np.log(1e3)  # beyond, an interval would squeeze all others
MARKERS = {"supported": "o", "contradicted": "X", "undecided": "D"}


class Effect(Protocol):
    """What is drawn of a verdict: the natural log of the ratio no skip / skip, and its interval."""

    claim: str
    family: str
    metric: str
    effect: float
    lower: float
    upper: float
    threshold: float
    verdict: str


def effect_forest(rows: Sequence[Effect], ax, *, against: str = "with skip") -> None:
    """Draws every effect with its interval as a factor, no skip / skip, on a log axis.

    Supported claims are discs, contradicted ones crosses, undecided ones open diamonds. The short
    upright stroke in a row is the threshold that the whole interval must pass. Rows without an
    estimate say so.

    Args:
      rows: verdicts, from top to bottom.
      ax: matplotlib Axes.
      against: what the networks without skip are compared with, "with ...".

    Raises:
      ValueError: for no row or an unknown verdict.
    """
    if not rows:
        raise ValueError("`rows` must hold at least one verdict; got none.")
    for row in rows:
        if row.verdict not in MARKERS:
            raise ValueError(
                f"Unknown verdict: {row.verdict!r}. Choose one of: {', '.join(MARKERS)}."
            )
    ax.set_xscale("log")
    low, high = _limits(rows)
    ax.set_xlim(low, high)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), [_label(row) for row in rows])
    dress(ax, x=f"effect: value without skip / value {against} (factor)", y="claim", grid="x")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda factor, _: f"×{factor:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.axvline(1, color=INK, linewidth=0.9)
    for place, row in enumerate(rows):
        _draw(row, place, ax, low, high)
    for text, side in ((f"← larger {against}", "right"), ("larger without skip →", "left")):
        ax.annotate(
            text,
            (1, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if side == "right" else 4, 3),
            textcoords="offset points",
            ha=side,
            fontsize=SMALL_SIZE,
            color=INK,
        )


def _draw(row, place, ax, low, high):
    if np.isnan(row.effect):
        _right_text(ax, place, f"no estimate: {row.verdict}")
        return
    ends = []
    for bound, edge, arrow in ((row.lower, low, "<"), (row.upper, high, ">")):
        inside = np.log(low) <= bound <= np.log(high)
        ends.append(np.exp(bound) if inside else edge)
        if not inside:
            # An end that is unknown, infinite or far away: the line runs to the edge, with an arrow.
            ax.plot(edge, place, marker=arrow, color=INK, markersize=5, clip_on=False)
    ax.plot(ends, [place, place], color=INK, linewidth=1.4)
    if np.isfinite(row.threshold):
        stroke = [place - 0.28, place + 0.28]
        ax.plot(np.exp([row.threshold] * 2), stroke, color=FAINT, linewidth=2.2)
    ax.plot(
        _inside(row.effect, low, high),
        place,
        marker=MARKERS[row.verdict],
        markersize=7,
        color=INK,
        markerfacecolor="none" if row.verdict == "undecided" else INK,
        markeredgewidth=1.2,
    )
    _right_text(ax, place, f"×{np.exp(row.effect):.2g}  {row.verdict}")


def _label(row):
    return f"{row.claim}  {row.family}\n{row.metric.split(',')[0]}"


def _right_text(ax, place, text):
    ax.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL_SIZE,
        color=INK,
        annotation_clip=False,
    )


def _inside(log_ratio, low, high):
    return float(np.exp(np.clip(log_ratio, np.log(low), np.log(high))))


def _limits(rows):
    numbers = [(row.effect, row.lower, row.upper, row.threshold, 0.0) for row in rows]
    finite = np.array([number for row in numbers for number in row if np.isfinite(number)])
    margin = 0.08 * np.ptp(finite) + 0.1
    ends = min(finite.min(), -np.log(1.5)) - margin, max(finite.max(), np.log(1.5)) + margin
    return tuple(float(np.exp(np.clip(end, -FARTHEST, FARTHEST))) for end in ends)

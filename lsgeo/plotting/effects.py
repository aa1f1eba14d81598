"""Effects of the skip connection, one row per hypothesis."""

import dataclasses
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lsgeo.plotting.style import FAINT, INK, dress, new_figure, plain_ticks, write

FARTHEST = np.log(1e3)  # beyond, an interval would squeeze all others
MOST_THRESHOLDS = 30.0
MARKERS = {
    "supported": "o",
    "contradicted": "X",
    "depends on protocol": "s",
    "bound": ">",
    "no room": "s",
    "undecided": "D",
}
FILLS = {"supported": "full", "contradicted": "full", "depends on protocol": "left"}


@dataclasses.dataclass(frozen=True)
class EffectRow:
    """What is drawn of a verdict: an effect that is positive where the hypothesis holds.

    Attributes:
      label: beside the row.
      value: effect; NaN where there is none.
      lower: end of its interval.
      upper: the other end.
      threshold: smallest effect that counts.
      verdict: of "supported", "contradicted", "depends on protocol", "bound", "no room", "undecided".
      is_ratio: whether the effect is the natural logarithm of a ratio.
    """

    label: str
    value: float
    lower: float
    upper: float
    threshold: float
    verdict: str
    is_ratio: bool = True


def effect_forests(rows: Sequence[EffectRow]) -> Figure:
    """Draws effects into a figure of their own: those that are ratios above, the others below.

    Args:
      rows: effects, from top to bottom.

    Returns:
      The figure.

    Raises:
      ValueError: as `effect_forest`.
    """
    kinds = {ratios: [row for row in rows if row.is_ratio is ratios] for ratios in (True, False)}
    panels = {ratios: kind for ratios, kind in kinds.items() if kind} or {True: []}
    heights = [1.1 + 0.36 * len(kind) for kind in panels.values()]
    figure, axes = new_figure(
        width=9.5, height=sum(heights), rows=len(panels), height_ratios=heights
    )
    for (ratios, kind), ax in zip(panels.items(), np.atleast_1d(axes), strict=True):
        effect_forest(kind, ax, ratios=ratios)
    return figure


def effect_forest(rows: Sequence[EffectRow], ax: Axes, *, ratios: bool = True) -> None:
    """Draws effects with their intervals, one row each.

    Supported hypotheses are discs, contradicted ones crosses, those that depend on the protocol squares
    filled by half, undecided ones open diamonds. The short upright strokes in a row are the thresholds that
    the whole interval must pass. Rows without an estimate say so; an end that is far away is an arrow.

    Args:
      rows: effects, from top to bottom.
      ax: matplotlib Axes.
      ratios: whether the effects are natural logarithms of ratios, drawn as factors on a log axis; other
        effects, whose units differ, are drawn in multiples of their thresholds (as they are where that is 0),
        linear up to 1 and logarithmic beyond.

    Raises:
      ValueError: for no row or an unknown verdict.
    """
    if not rows:
        raise ValueError("`rows` must hold at least one effect; got none.")
    for row in rows:
        if row.verdict not in MARKERS:
            raise ValueError(
                f"Unknown verdict: {row.verdict!r}. Choose one of: {', '.join(MARKERS)}."
            )
    low, high = _limits(rows, ratios)
    _scale(ax, low, high, ratios)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), [_label(row.label) for row in rows])
    ax.tick_params(axis="y", length=0)
    for place, row in enumerate(rows):
        _draw(row, place, ax, (low, high), ratios)
    for text, side in (("← against the hypothesis", "right"), ("as it predicts →", "left")):
        offset = (-4 if side == "right" else 4, 3)
        spot = _position(0.0, ratios), 1
        write(ax, text, spot, offset, at=("data", "axes fraction"), ha=side)


def _label(text):
    # A word of its own length would be left out as a whole; dollars would be a formula.
    text = " ".join(textwrap.wrap(text, 54, break_on_hyphens=False)).replace("$", r"\$")
    return textwrap.fill(textwrap.shorten(text, 104, placeholder=" …"), 54)


def _scale(ax, low, high, ratios):
    if ratios:
        ax.set_xscale("log")
        dress(ax, x="effect (factor between without and with skips)", y="", grid="x")
        subs = (1, 2, 5) if high - low < np.log(300) else (1,)
        plain_ticks(ax.xaxis, subs=subs, form="×{:g}")
    else:
        ax.set_xscale("symlog", linthresh=1.0)
        dress(ax, x="effect (multiples of the smallest one that counts)", y="", grid="x")
        ticks = np.array([-30, -10, -3, -1, 0, 1, 3, 10, 30])
        ax.set_xticks(ticks[(ticks >= low) & (ticks <= high)])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.minorticks_off()
    ax.set_xlim(_position(low, ratios), _position(high, ratios))
    ax.axvline(_position(0.0, ratios), color=INK, linewidth=0.9)


def _draw(row, place, ax, limits, ratios):
    unit = _unit(row, ratios)
    if np.isnan(row.value):
        _right_text(ax, place, f"no number: {row.verdict}")
        return
    low, high = limits
    ends = []
    for bound, edge, arrow in ((row.lower / unit, low, "<"), (row.upper / unit, high, ">")):
        inside = low <= bound <= high
        ends.append(_position(bound if inside else edge, ratios))
        if not inside:
            # An end that is unknown, infinite or far away: the line runs to the edge, with an arrow.
            ax.plot(ends[-1], place, marker=arrow, color=INK, markersize=5, clip_on=False)
    ax.plot(ends, [place, place], color=INK, linewidth=1.4)
    if np.isfinite(row.threshold):
        for threshold in (-row.threshold / unit, row.threshold / unit):
            stroke = [place - 0.28, place + 0.28]
            ax.plot([_position(threshold, ratios)] * 2, stroke, color=FAINT, linewidth=1.6)
    ax.plot(
        _position(np.clip(row.value / unit, low, high), ratios),
        place,
        marker=MARKERS[row.verdict],
        markersize=7,
        color=INK,
        markerfacecolor=INK,
        markerfacecoloralt="none",
        fillstyle=FILLS.get(row.verdict, "none"),
        markeredgewidth=1.2,
    )
    shown = f"×{np.exp(row.value):.3g}" if ratios else f"{row.value:+.3g}"
    _right_text(ax, place, f"{shown}  {row.verdict}")


def _unit(row, ratios):
    return 1.0 if ratios or not row.threshold > 0 else row.threshold


def _right_text(ax, place, text):
    looks = {"at": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
    write(ax, text, (1, place), (8, 0), **looks)


def _position(value, ratios):
    return float(np.exp(value)) if ratios else float(value)


def _limits(rows, ratios):
    farthest, least = (FARTHEST, np.log(1.5)) if ratios else (MOST_THRESHOLDS, 1.5)
    numbers = [
        number / _unit(row, ratios)
        for row in rows
        for number in (row.value, row.lower, row.upper, row.threshold, -row.threshold)
    ]
    finite = np.array([number for number in numbers if np.isfinite(number)])
    low, high = min(finite.min(initial=0.0), -least), max(finite.max(initial=0.0), least)
    margin = 0.08 * (high - low) if ratios else 0.2
    return tuple(float(np.clip(end, -farthest, farthest)) for end in (low - margin, high + margin))

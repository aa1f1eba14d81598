"""Laws: curves with intervals, beside what was predicted, with their exponents at the ends."""

import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from lsgeo.plotting._names import label_ends, legend, wrapped
from lsgeo.plotting.style import INK, SMALL_SIZE, arm_style, dress, new_figure, note, plain_ticks

MOST_PANELS = 4
MOST_TICKS = 8
PALE = 0.5
LINE = 13  # points from one line of a label to the next
NARROW = 20  # characters of a name that has another one beside it
WIDEST = 34  # characters of a line of the y axis' label
ARROW = 14  # points, from a bound to where its true value lies
PHONE = 3.54  # inches: 340 pixels


class Curve(Protocol):
    """What is drawn of a curve: `lsgeo.study.laws.Curve` has it.

    Attributes:
      label: at its end; what precedes a comma tells its colour.
      x: places.
      value: one for each; NaN where there is none.
      lower: of the intervals; NaN where there is none.
      upper: likewise.
      sides: 1 and -1 for a bound whose true value lies above or below, 0 for a number.
      predicted: by theory, at each x; None where there is none.
      exponent: with `value` and `side`; None where there is none.
      panel: title of its panel.
    """

    label: str
    x: Sequence[float]
    value: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    sides: Sequence[int]
    predicted: Sequence[float] | None
    exponent: object | None
    panel: str


def law(
    curves: Sequence[Curve],
    ax: Axes,
    *,
    x: str,
    y: str,
    log_x: bool = True,
    log_y: bool = True,
    phone: bool = False,
) -> None:
    """Draws curves with error bars on one axes.

    Lines that theory predicts are dashed. A point that is only a bound is open, with an arrow to where the
    true value lies. An exponent stands beside the name of its line: "power 2.5", or "power ≥2.5" where
    points of it are bounds.

    Args:
      curves: lines.
      ax: matplotlib Axes.
      x: label of the x axis, with its unit.
      y: of the y axis.
      log_x: whether the x axis is logarithmic.
      log_y: whether the y axis is; values that are not positive are then left out.
      phone: whether the figure is as narrow as a phone: names stand below the axes in place of at the ends.

    Raises:
      ValueError: for no curve with a value.
    """
    shown = [curve for curve in curves if _seen(curve, log_y).any()]
    if not shown:
        raise ValueError(
            "`curves` must hold a curve with a value that its axis can show; got none."
        )
    ax.set_xscale("log" if log_x else "linear")
    ax.set_yscale("log" if log_y else "linear")
    colors = [_style(curve).color for curve in shown]
    # A second line of one arm is paler.
    ends = [_draw(c, ax, log_y, colors.index(colors[k]) < k) for k, c in enumerate(shown)]
    _draw_predicted(shown, ax)
    hints = ["dashed: predicted"] if any(c.predicted is not None for c in shown) else []
    hints += ["open: a bound"] if any(any(c.sides) for c in shown) else []
    under = [_balanced(x) if phone else x, *([", ".join(hints)] if hints else [])]
    dress(ax, x="\n".join(under), y=_balanced(y))
    _tick(ax.xaxis, sorted({place for c in shown for place in c.x}), log_x)
    if log_y:
        _tick(ax.yaxis, (), True)
    if phone:
        _legend_below(ax, ends, sum(one.count("\n") + 1 for one in under))
    else:
        label_ends(ax, ends)


def law_panels(
    curves: Sequence[Curve],
    *,
    x: str,
    y: str,
    log_x: bool = True,
    log_y: bool = True,
    phone: bool = False,
) -> Figure:
    """Draws curves into a figure of their own, a panel for each `panel`, the first four of them.

    Args:
      curves: lines, see `law`.
      x: label of the x axes, with its unit.
      y: of the y axes.
      log_x: whether the x axes are logarithmic.
      log_y: whether the y axes are.
      phone: whether the figure is 340 pixels wide, its panels below one another, in place of two side by side.

    Returns:
      The figure.

    Raises:
      ValueError: for no curve with a value.
    """
    panels: dict[str, list[Curve]] = {}
    for curve in curves:
        if _seen(curve, log_y).any():
            panels.setdefault(curve.panel, []).append(curve)
    if not panels:
        raise ValueError(
            "`curves` must hold a curve with a value that its axis can show; got none."
        )
    kept = list(panels.items())[:MOST_PANELS]
    columns = 1 if phone or len(kept) == 1 else 2
    rows = math.ceil(len(kept) / columns)
    # On a phone each name has a line of its own.
    names = max(len(group) for _, group in kept)
    width, height = (PHONE, 3.0 + 0.17 * names) if phone else (5.2 * columns, 3.3)
    figure, axes = new_figure(width=width, height=height * rows, columns=columns, rows=rows)
    places = list(np.atleast_1d(axes).flat)
    for ax, (title, group) in itertools.zip_longest(places, kept, fillvalue=("", ())):
        if group:
            law(group, ax, x=x, y=y, log_x=log_x, log_y=log_y, phone=phone)
            note(ax, wrapped(title, beside=2) if phone else title)
        else:
            ax.set_axis_off()
    if log_y:
        _share_heights(places[: len(kept)])
    if len(panels) > len(kept):
        text = f"the first {len(kept)} of {len(panels)} panels"
        figure.text(1, 0, text, ha="right", va="bottom", fontsize=SMALL_SIZE, color=INK)
    return figure


def _share_heights(axes):
    # Panels of one law are compared with one another.
    ends = [ax.get_ylim() for ax in axes]
    for ax in axes:
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
        _tick(ax.yaxis, (), True)


def _legend_below(ax, ends, lines):
    # In points, which stay what they are while the layout seeks the height of the axes.
    down = ScaledTranslation(0, -(20 + LINE * lines) / 72, ax.figure.dpi_scale_trans)
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0)}
    columns = {"ncols": _columns(ends), "columnspacing": 0.8}
    legend(ax, **place, **columns, bbox_transform=ax.transAxes + down, borderaxespad=0)


def _columns(ends):
    # Two names side by side, where a phone has room for both with their keys.
    return 2 if len(ends) > 2 and max(len(name) for _, name, _ in ends) <= NARROW else 1


def _balanced(label):
    lines = math.ceil(len(label) / WIDEST)
    return textwrap.fill(label, math.ceil(len(label) / lines) + 4)


def _power(value):
    # "1e-6", not "1e-06".
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _seen(curve, log_y):
    value = np.asarray(curve.value, float)
    return np.isfinite(value) & ((value > 0) | (not log_y))


def _draw(curve, ax, log_y, pale):
    style, seen = _style(curve), _seen(curve, log_y)
    x, value, lower, upper = (
        np.asarray(one, float)[seen] for one in (curve.x, curve.value, curve.lower, curve.upper)
    )
    sides = np.asarray(curve.sides)[seen]
    below, above = (np.nan_to_num(gap, nan=0.0) for gap in (value - lower, upper - value))
    # An interval may end a rounding error before its own mean.
    bars = np.maximum([below, above], 0.0)
    color, alpha = style.color, PALE if pale else 1.0
    looks = {"color": color, "alpha": alpha}
    ax.errorbar(x, value, yerr=bars, fmt="none", elinewidth=1.1, capsize=2.5, **looks)
    ax.plot(x, value, linestyle=style.line, linewidth=1.5, **looks)
    for place, height, side in zip(x, value, sides, strict=True):
        fill = {"markerfacecolor": "none", "markersize": 6.5} if side else {"markersize": 5.5}
        ax.plot(place, height, marker=style.marker, **fill, **looks)
        if side:
            there = {"xytext": (0, ARROW * int(side)), "textcoords": "offset points"}
            arrow = {"arrowstyle": "<-", "linewidth": 1.2, **looks}
            ax.annotate("", (place, height), **there, arrowprops=arrow)
    name = _name(curve)
    # What the legend shows, apart from points that may be open.
    key = {"marker": style.marker, "markersize": 5.5, "linestyle": style.line, "linewidth": 1.5}
    ax.plot([], [], label=name.replace("\n", ", "), **key, **looks)
    return float(value[-1]), name, color


def _draw_predicted(curves, ax):
    lines = [
        (c, dict(zip(c.x, c.predicted, strict=True))) for c in curves if c.predicted is not None
    ]
    union: dict[float, set[float]] = {}
    for _, line in lines:
        for place, height in line.items():
            union.setdefault(place, set()).add(height)
    # Where all of them are of one function, it is drawn once.
    if len(lines) > 1 and all(len(heights) == 1 for heights in union.values()):
        places = sorted(union)
        ax.plot(places, [min(union[p]) for p in places], "--", color=INK, linewidth=1, zorder=1)
        return
    for curve, line in lines:
        ax.plot(*zip(*line.items(), strict=True), "--", color=_style(curve).color, linewidth=1)


def _style(curve):
    return arm_style(curve.label.split(",")[0])


def _name(curve):
    text, exponent = wrapped(curve.label), curve.exponent
    if exponent is None or not math.isfinite(exponent.value):
        return text
    sign = {1: "≥", -1: "≤", 0: ""}[exponent.side]
    number = f"{sign}{exponent.value:.2f}".replace("-", "−")
    return f"{text}\npower {number}"


def _tick(axis, places, is_log):
    if is_log and 0 < len(places) <= MOST_TICKS and all(float(p).is_integer() for p in places):
        axis.set_major_locator(FixedLocator(places))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    elif is_log:
        low, high = axis.get_view_interval()
        decades = math.log10(high / low)
        form = "{:g}" if 1e-3 <= low and high < 1e5 else "{:.0e}"
        plain_ticks(
            axis, subs=(1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,), form=form
        )

"""How labels are written, which are any text and any number: in corners, at ends of lines, in legends."""

import itertools
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lsgeo.plotting.style import INK, SMALL_SIZE, TEXT_SIZE, arm_style, write

LONGEST = 40  # characters of a label
WIDEST = 24  # characters of one of its lines, where it may have several
ROW = 12  # points from one small text to the next


def shown(label: str) -> str:
    """A label as figures write it: on one line, as it is spelt, its middle left out where it is very long."""
    text = " ".join(label.split())
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 17]} … {text[-14:]}"
    # Dollars would be a formula, and legends leave out what is empty or begins with an underscore.
    text = text.replace("$", r"\$")
    return text if text and text[0] != "_" else f" {text}"


def wrapped(label: str, *, beside: int = 1) -> str:
    """A label as `shown`, on several lines where it is long, or where many stand `beside` one another."""
    width = min(WIDEST, max(80 // beside, 6))
    return textwrap.fill(shown(label), width, break_on_hyphens=False, drop_whitespace=False)


def legend(
    ax: Axes,
    *,
    below: float | None = None,
    handles: Sequence[Artist] | None = None,
    ncols: int = 1,
    **options: Any,
) -> None:
    """Draws a legend of what fits, without a frame; `below` the axes by a share of their height."""
    place = {} if below is None else {"loc": "upper center", "bbox_to_anchor": (0.5, -below)}
    handles = list(ax.get_legend_handles_labels()[0] if handles is None else handles)
    if any(len(handle.get_label()) > 0.8 * LONGEST for handle in handles):
        ncols = 1
    handles, more = _cut(handles, _rows(ax) * ncols)
    handles += [Line2D([], [], linestyle="none", label=text) for text in more]
    looks = {"fontsize": SMALL_SIZE, "frameon": False, "labelcolor": INK, **place, **options}
    ax.legend(handles=handles, ncols=ncols, **looks)


def name_arms(
    ax: Axes, texts: Sequence[tuple[str, str]], *, down: float = 4, right: bool = True
) -> None:
    """Writes the texts of (arm, text) under one another in an upper corner, as many as fit."""
    place, x = ((1, 1), -2) if right else ((0.02, 0.98), 0)
    kept, more = _cut([(text, arm_style(arm).color) for arm, text in texts], _rows(ax))
    for rank, (text, color) in enumerate([*kept, *((text, INK) for text in more)]):
        looks = {"ha": "right" if right else "left", "va": "top", "fontweight": "bold"}
        write(ax, text, place, (x, -ROW * rank - down), color=color, **looks)


def head(ax: Axes, labels: Sequence[tuple[str, str]]) -> None:
    """Writes labels (text, colour) under one another above the axes, on half of their height."""
    kept, more = _cut(labels, _rows(ax) // 2)
    kept += [(text, INK) for text in more]
    for rank, (text, color) in enumerate(kept, 1):
        write(ax, text, (0, 1), (2, 14 + ROW * (len(kept) - rank)), color=color)


def label_ends(ax: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Writes labels (y, text, colour) right of the axes at their heights, pushed apart; as many as fit."""
    size = 1.45 * TEXT_SIZE / 72 / _height(ax)
    gaps = [size * (1 + text.count("\n")) for _, text, _ in labels]
    labels, more = _cut(labels, int(np.searchsorted(np.cumsum(gaps), 1.1)))
    # What stands for the others is the last of all.
    labels += [(min((y for y, _, _ in labels), default=0.0), text, INK) for text in more]
    gaps = [size * (1 + text.count("\n")) for _, text, _ in labels]
    to_axes = ax.transData + ax.transAxes.inverted()
    x = ax.get_xlim()[1]
    spots = [np.clip(to_axes.transform((x, y))[1], 0.02, 0.98) for y, _, _ in labels]
    spots[len(labels) - len(more) :] = [min(spots, default=0.0) - 0.001] * len(more)
    for place, index in zip(_spread(spots, gaps), range(len(labels)), strict=True):
        _, text, color = labels[index]
        looks = {"color": color, "va": "center", "fontsize": TEXT_SIZE, "annotation_clip": False}
        write(ax, text, (1, place), (5, 0), **looks)


def _cut(entries, most):
    """As many entries as there is room for, and what stands for the others: no text, or one."""
    if len(entries) <= most:
        return list(entries), []
    kept = list(entries[: max(most - 1, 0)])
    return kept, [f"… and {len(entries) - len(kept)} more"]


def _height(ax):
    return ax.figure.get_figheight() * ax.get_position().height


def _rows(ax):
    return max(int(72 * _height(ax) / ROW), 1)


def _spread(spots, gaps):
    order = np.argsort(spots)
    places = np.array(spots, dtype=float)
    for lower, upper in itertools.pairwise(order):
        need = (gaps[lower] + gaps[upper]) / 2
        places[upper] = max(places[upper], places[lower] + need)
    return places - max(0.0, places.max() - 1.0) if len(places) else places

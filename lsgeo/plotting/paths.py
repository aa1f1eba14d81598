"""Figures of a network taken apart: path lengths, lesions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lsgeo.plotting._names import label_ends, shown, wrapped
from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, arm_style, dress, note, write


def path_shares(networks: Sequence[tuple[str, np.ndarray, np.ndarray]], ax: Axes) -> None:
    """Draws the gradient's energy by path length, and the binomial law of equal mean as small rings.

    Args:
      networks: triples (arm, shares [n + 1], law [n + 1]).
      ax: matplotlib Axes.
    """
    dress(ax, x="path length (blocks)", y="share of gradient energy")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not networks:
        ax.text(
            0.5,
            0.5,
            "no chain of blocks\nthat add to the stream",
            ha="center",
            color=INK,
            fontsize=SMALL_SIZE,
            transform=ax.transAxes,
        )
        return
    ends = []
    for arm, shares, law in networks:
        style = arm_style(arm)
        lengths = np.arange(len(shares))
        ax.plot(lengths, shares, color=style.color, linestyle=style.line, linewidth=1.4)
        ax.plot(lengths, law, "o", markersize=3.5, mfc="none", mec=style.color, linestyle="none")
        top = int(np.argmax(shares))
        ends.append((top, shares[top], arm, style.color))
    for x, y, arm, color in ends:
        write(ax, shown(arm), (x, y), (4, 3), at="data", color=color)
    ax.set_ylim(bottom=0)
    note(ax, "rings: binomial law", loc="right")


def lesions(networks: Sequence[tuple[str, np.ndarray, float]], ax: Axes) -> None:
    """Draws the accuracy without each single block, and the whole network's as a thin line.

    Args:
      networks: triples (arm, accuracy [blocks], accuracy of the whole network).
      ax: matplotlib Axes.
    """
    dress(ax, x="deleted block", y="training accuracy (share)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ends = []
    for arm, accuracies, whole in networks:
        style = arm_style(arm)
        places = np.arange(len(accuracies))
        ax.axhline(float(whole), color=style.color, linewidth=0.8, alpha=0.6)
        ax.plot(
            places, accuracies, color=style.color, linestyle=style.line, marker=style.marker, ms=3.5
        )
        finite = accuracies[np.isfinite(accuracies)]
        ends += [(float(finite[-1]), wrapped(arm), style.color)] if finite.size else []
    ax.set_ylim(0, 1.03)
    label_ends(ax, ends)


def deletions(
    networks: Sequence[tuple[str, np.ndarray, float]], ax: Axes, *, chance: float
) -> None:
    """Draws the accuracy against the number of randomly deleted blocks, median and range of the draws.

    Args:
      networks: triples (arm, accuracy [numbers, draws], accuracy of the whole network).
      ax: matplotlib Axes.
      chance: accuracy of a guess, drawn as a line.
    """
    dress(ax, x="deleted blocks (number)", y="training accuracy (share)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.axhline(chance, color=FAINT, linewidth=0.8)
    write(ax, "chance", (0, chance), (0, 2), at="data")
    ends = []
    for arm, accuracies, whole in networks:
        style = arm_style(arm)
        rows = np.vstack([np.full((1, accuracies.shape[1]), float(whole)), accuracies])
        numbers = np.arange(len(rows))
        ax.fill_between(
            numbers, rows.min(1), rows.max(1), color=style.color, alpha=0.15, linewidth=0
        )
        middle = np.median(rows, axis=1)
        ax.plot(
            numbers, middle, color=style.color, linestyle=style.line, marker=style.marker, ms=3.5
        )
        ends.append((middle[-1], wrapped(arm), style.color))
    ax.set_ylim(0, 1.03)
    label_ends(ax, ends)

"""The look that every figure shares: colours, ink, sizes, end labels, and the way to SVG."""

import dataclasses
import io
import itertools
import os
import pathlib
import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure

INK = "#1b1f24"
FAINT = "#b9bfc7"
TEXT_SIZE, SMALL_SIZE = 9.0, 8.0


@dataclasses.dataclass(frozen=True)
class Arm:
    """How one kind of network is drawn: a colour, a marker and a line style that tell it apart."""

    color: str
    marker: str | tuple
    line: str | tuple
    variable: str


# Okabe and Ito's palette, told apart with every common colour blindness (Wong 2011).
ARMS = {
    "skip": Arm("#0072b2", "o", "-", "--arm-skip"),
    "no skip": Arm("#d55e00", "s", (0, (5, 1.5)), "--arm-no-skip"),
    "scaled skip": Arm("#009e73", "^", (0, (1.5, 1.2)), "--arm-scaled-skip"),
    "identity-biased": Arm("#e69f00", "v", (0, (4, 1.2, 1, 1.2)), "--arm-identity-biased"),
    "learnable skip": Arm("#cc79a7", "P", (0, (6, 2, 2, 2)), "--arm-learnable-skip"),
    # Nine more colours, each as far as possible from all others in OKLab, with a contrast of 3 to white.
    "halved skip": Arm("#753a07", "<", (0, (8, 2)), "--arm-halved-skip"),
    "exclusive gate": Arm("#0e6918", ">", (0, (8, 2, 1.5, 2)), "--arm-exclusive-gate"),
    "shortcut gate": Arm("#815ffa", "p", (0, (3, 1)), "--arm-shortcut-gate"),
    "projection": Arm("#887626", "h", (0, (3, 3)), "--arm-projection"),
    "dropout skip": Arm("#9d515c", "8", (0, (1, 3)), "--arm-dropout-skip"),
    "highway": Arm("#0026b4", "*", (0, (10, 2, 3, 2)), "--arm-highway"),
    "layer scale": Arm("#114a57", "d", (0, (3, 1, 1, 1, 1, 1)), "--arm-layer-scale"),
    "hyper-connections": Arm(
        "#bd0782", (4, 1, 0), (0, (6, 1, 1, 1, 1, 1)), "--arm-hyper-connections"
    ),
    "mHC": Arm("#73154f", (3, 1, 0), (0, (12, 2)), "--arm-mhc"),
    "concatenation": Arm("#00756f", "X", (0, (2, 1, 6, 1)), "--arm-concatenation"),
    "network": Arm("#6a3d9a", "D", "-", "--arm-network"),  # one that has no twin
}


def arm_style(name: str) -> Arm:
    if name not in ARMS:
        raise ValueError(f"Unknown arm: {name!r}. Choose one of: {', '.join(ARMS)}.")
    return ARMS[name]


def new_figure(
    *, width: float = 7.3, height: float = 3.4, columns: int = 1, rows: int = 1, height_ratios=None
):
    """Makes a figure apart from pyplot, 700 pixels wide at 96 dots per inch.

    Args:
      width: inches.
      height: inches.
      columns: number of axes side by side.
      rows: number of axes on top of each other.
      height_ratios: heights of the rows, relative to each other; by default they are equal.

    Returns:
      (figure, axes): one Axes, or an array of them if there are several.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, height_ratios=height_ratios)


def to_svg(figure: Figure, *, text: bool = False) -> str:
    """Writes a figure as an SVG element for inlining in a page.

    The text is the same for the same figure. Ink, grid and arm colours become CSS variables (--ink,
    --faint, --arm-skip, --arm-no-skip and so on, see `ARMS`) that fall back to the light colours.

    Args:
      figure: any matplotlib Figure.
      text: whether text stays text, in the reader's fonts; else it becomes outlines, which look the same
        everywhere but take 60 bytes a letter.

    Returns:
      The <svg> element, without XML prolog, metadata or namespace addresses.
    """
    drawn = _drawn(figure, transparent=True, fonts="none" if text else "path")
    drawn = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", drawn[drawn.index("<svg") :])
    names = {INK: "--ink", FAINT: "--faint"} | {arm.color: arm.variable for arm in ARMS.values()}
    for color, name in names.items():
        drawn = drawn.replace(color, f"var({name}, {color})")
    return drawn


def save_svg(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure as an SVG file that opens by itself; the same bytes for the same figure.

    Its text stays text, in the reader's fonts: outlines would make the file three times as large.

    Args:
      figure: any matplotlib Figure.
      path: of the file.
    """
    pathlib.Path(path).write_text(_drawn(figure, transparent=False, fonts="none"), encoding="utf-8")


def _drawn(figure, *, transparent, fonts):
    out = io.StringIO()
    options = {"svg.fonttype": fonts, "svg.hashsalt": "lsgeo"}
    # Verdana is as wide as DejaVu, which the layout is made for.
    with matplotlib.rc_context({**options, "font.sans-serif": ["DejaVu Sans", "Verdana"]}):
        figure.savefig(out, format="svg", transparent=transparent, metadata={"Date": None}, dpi=200)
    # A hundredth of a point is finer than any screen.
    drawn = re.sub(r'(?<= [dxy]=")[^"]*', _rounded, out.getvalue())
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    return re.sub(r">\n +<", ">\n<", drawn)


def _rounded(path):
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path[0])


def dress(ax, *, x: str, y: str, grid: str = "y") -> None:
    """Labels the axes (each label ends with its unit) and quietens everything but the data."""
    ax.set_xlabel(x, fontsize=TEXT_SIZE, color=INK)
    ax.set_ylabel(y, fontsize=TEXT_SIZE, color=INK)
    ax.tick_params(which="both", labelsize=SMALL_SIZE, colors=INK, length=3, width=0.6)
    ax.tick_params(which="minor", length=1.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(INK)
    ax.spines[["left", "bottom"]].set_linewidth(0.6)
    if grid:
        ax.grid(axis=grid, color=FAINT, linewidth=0.5, alpha=0.6)
        ax.set_axisbelow(True)


def label_ends(ax, labels: list[tuple[float, str, str]]) -> None:
    """Writes labels (y, text, colour) right of the axes at their heights, pushed apart."""
    to_axes = ax.transData + ax.transAxes.inverted()
    x = ax.get_xlim()[1]
    spots = [np.clip(to_axes.transform((x, y))[1], 0.02, 0.98) for y, _, _ in labels]
    inches = ax.figure.get_figheight() * ax.get_position().height
    gaps = [1.45 * TEXT_SIZE / 72 / inches * (1 + text.count("\n")) for _, text, _ in labels]
    for place, index in zip(_spread(spots, gaps), range(len(labels)), strict=True):
        _, text, color = labels[index]
        ax.annotate(
            text,
            (1, place),
            xytext=(5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=TEXT_SIZE,
            annotation_clip=False,
        )


def _spread(spots, gaps):
    order = np.argsort(spots)
    places = np.array(spots, dtype=float)
    for lower, upper in itertools.pairwise(order):
        need = (gaps[lower] + gaps[upper]) / 2
        places[upper] = max(places[upper], places[lower] + need)
    return places - max(0.0, places.max() - 1.0) if len(places) else places

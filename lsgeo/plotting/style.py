"""The look that every figure shares: colours, ink, sizes, and the way to SVG."""

import dataclasses
import io
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import TABLEAU_COLORS, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image

INK = "#1b1f24"
FAINT = "#b9bfc7"
TEXT_SIZE, SMALL_SIZE = 9.0, 8.0


@dataclasses.dataclass(frozen=True)
class Style:
    """How one kind of network is drawn: a colour, a marker and a line style that tell it apart."""

    color: str
    marker: str | tuple
    line: str | tuple


# Styles by label. Who declares arms puts theirs here; other labels take the next spare one.
ARMS: dict[str, Style] = {"network": Style("#6a3d9a", "D", "-")}  # one that has no twin
# Matplotlib's ten colours, and darker shades of them: 420 styles until one comes again.
_SHADES = [
    to_hex([shade * part for part in to_rgb(color)])
    for shade in (1, 0.7, 0.4)
    for color in TABLEAU_COLORS.values()
]
_LINES = ("-", "--", "-.", ":")
# Apart from `ARMS`, whose colours a page may change: these are no page's.
_spare: dict[str, Style] = {}


def arm_style(label: str) -> Style:
    """The style of a label: its own in `ARMS`, or a spare one, which stays the label's."""
    if label in ARMS:
        return ARMS[label]
    k = len(_spare)
    spare = Style(_SHADES[k % len(_SHADES)], "osD^vPX"[k % 7], _LINES[k % len(_LINES)])
    return _spare.setdefault(label, spare)


def css_variable(label: str) -> str:
    """The CSS variable that holds a label's colour: "--arm-no-skip" for "no skip"."""
    return "--arm-" + re.sub(r"\W+", "-", label.lower())


def new_figure(
    *,
    width: float = 7.3,
    height: float = 3.4,
    columns: int = 1,
    rows: int = 1,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Figure, Axes | np.ndarray]:
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
    --faint, --arm-skip, --arm-no-skip and so on, see `css_variable`) that fall back to the light colours.

    Args:
      figure: any matplotlib Figure.
      text: whether text stays text, in the reader's fonts; else it becomes outlines, which look the same
        everywhere but take 60 bytes a letter.

    Returns:
      The <svg> element, without XML prolog, metadata or namespace addresses.
    """
    drawn = _drawn(figure, transparent=True, fonts="none" if text else "path")
    drawn = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", drawn[drawn.index("<svg") :])
    names = {style.color: css_variable(label) for label, style in ARMS.items()}
    for color, name in {INK: "--ink", FAINT: "--faint", **names}.items():
        drawn = drawn.replace(color, f"var({name}, {color})")
    return drawn


def to_png(figure: Figure, *, dpi: float = 110) -> bytes:
    """Writes a figure as the bytes of a PNG with a palette, a third as large as one with all colours.

    Args:
      figure: any matplotlib Figure.
      dpi: dots per inch.

    Returns:
      The PNG, without metadata; the same bytes for the same figure.
    """
    drawn, out = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None})
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
            out, format="png", optimize=True
        )
    return out.getvalue()


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


def dress(ax: Axes, *, x: str, y: str, grid: str = "y") -> None:
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


def plain_ticks(axis: Axis, *, subs: tuple[int, ...] = (1, 2, 5), form: str = "{:g}") -> None:
    """Numbers the ticks of a logarithmic axis in plain digits: `subs` times each power of ten."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: form.format(value)))
    axis.set_minor_formatter(NullFormatter())


def dress_plane(
    ax: Axes, title: str, *, arm: str, label: str, rank: int, pad: float | None = None
) -> None:
    """Dresses the panel of a plane, the `rank`-th in its row; `label` is that of both directions."""
    looks = {"fontsize": TEXT_SIZE + 1, "fontweight": "bold", "pad": pad}
    ax.set_title(title, color=arm_style(arm).color, **looks)
    dress(ax, x=f"first {label}", y="" if rank else f"second {label}", grid="")
    ax.set_aspect("equal")


def color_bar(drawn: ScalarMappable, axes: Sequence[Axes], label: str, **options: Any) -> Colorbar:
    """Draws the one colour bar of several panels."""
    shape = {"fraction": 0.05, "pad": 0.02, "aspect": 28, **options}
    bar = axes[0].figure.colorbar(drawn, ax=list(axes), **shape)
    bar.set_label(label, fontsize=TEXT_SIZE, color=INK)
    bar.ax.tick_params(labelsize=SMALL_SIZE, colors=INK, length=3, width=0.6)
    bar.outline.set_linewidth(0)
    return bar


def note(ax: Axes, text: str, *, loc: str = "left") -> None:
    """Writes a small text over the axes."""
    ax.set_title(text, fontsize=SMALL_SIZE, color=INK, loc=loc)


def write(
    ax: Axes,
    text: str,
    place: tuple,
    offset: tuple[float, float],
    *,
    at: str | tuple[str, str] = "axes fraction",
    color: str = INK,
    **options: Any,
) -> Annotation:
    """Writes a small text at a place, moved by an offset in points."""
    looks = {"textcoords": "offset points", "color": color, "fontsize": SMALL_SIZE, **options}
    return ax.annotate(text, place, xytext=offset, xycoords=at, **looks)

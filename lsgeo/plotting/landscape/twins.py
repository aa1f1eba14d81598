"""The landscapes of twins as hills side by side, and under them their extreme curvatures over depth."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lsgeo.plotting._names import legend, shown
from lsgeo.plotting.landscape.planes import Plane
from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, TEXT_SIZE, arm_style, dress

CAMERA = {"elev": 30, "azim": -52}
MAP = "viridis"
LAMP = np.array([-0.35, -0.55, 0.76])
NUM_LINES = 11
PLANES, STRIP = 5.4, 2.1  # inches
HEIGHTS = (3.1, 1.9)  # of hills and maps, relative to each other


@dataclasses.dataclass(frozen=True)
class Extremes:
    """The extreme eigenvalues of the Hessian of one kind of network.

    Attributes:
      arm: label of its arm.
      depth: of the networks.
      lowest: lowest eigenvalue of each seed, in nats / parameter².
      highest: highest one of each seed.
      is_bound: whether the learning rate holds the highest one down, so that it is only a bound.
    """

    arm: str
    depth: int
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    is_bound: bool = False


def loss_ramp(count: int) -> list[tuple[int, int, int]]:
    """The colours of a loss from the lowest to the highest, evenly spaced, as 0 to 255 for red, green, blue."""
    return [
        tuple(int(x) for x in c[:3]) for c in colormaps[MAP](np.linspace(0, 1, count), bytes=True)
    ]


def twin_landscapes(
    surfaces: Mapping[str, Plane],
    *,
    chance: float = math.nan,
    extremes: Sequence[Extremes] = (),
    width: float = 9.0,
) -> Figure:
    """Draws the loss around twins: as hills from one camera, below them as maps, with one scale for all.

    The height and the colour are log10 of the loss; the white line of the maps is the loss of a uniform guess.
    Losses that are not finite stay empty.

    Args:
      surfaces: arm -> surface, two or more.
      chance: loss of a uniform guess; NaN where there is none.
      extremes: eigenvalues over depth; without them the strip is left out.
      width: inches.

    Returns:
      The figure.

    Raises:
      ValueError: for fewer than two surfaces, or no finite positive loss in any.
    """
    if len(surfaces) < 2:
        raise ValueError(f"`surfaces` must be those of twins, two at least; got {len(surfaces)}.")
    logs = {name: _logs(plane) for name, plane in surfaces.items()}
    finite = np.concatenate([values[np.isfinite(values)] for values in logs.values()])
    if not finite.size:
        raise ValueError("`surfaces` must hold at least one finite positive loss; got none.")
    norm = Normalize(finite.min(), max(finite.max(), finite.min() + 1e-3))
    below = STRIP if extremes else 0.0
    height = PLANES + below
    figure = Figure(figsize=(width, height))
    # The layout is set by hand, as matplotlib's own leaves hills no room.
    edges = {
        "left": 0.01,
        "right": 0.87,
        "bottom": (below + 0.1) / height,
        "top": 1 - 0.35 / height,
    }
    rows = {"height_ratios": HEIGHTS, "hspace": 0.06, "wspace": 0.02}
    grid = figure.add_gridspec(2, len(surfaces), **rows, **edges)
    for rank, (name, plane) in enumerate(surfaces.items()):
        hill = figure.add_subplot(grid[0, rank], projection="3d")
        _hill(hill, plane, logs[name], norm, name)
        _map(figure.add_subplot(grid[1, rank]), plane, logs[name], norm, math.log10(chance))
    tall = edges["top"] - edges["bottom"]
    _bar(figure.add_axes((0.895, edges["bottom"] + 0.03 * tall, 0.016, 0.94 * tall)), norm)
    if extremes:
        place = (0.1, 0.32 / height, 0.85, (below - 0.45) / height)
        depth_strip(extremes, figure.add_axes(place))
    return figure


def depth_strip(extremes: Sequence[Extremes], ax: Axes) -> None:
    """Draws the extreme eigenvalues over depth: median over seeds, a bar from the lowest to the highest.

    Filled marks are the largest eigenvalue, open ones the smallest; an arrow is a bound. The axis is linear
    up to 1 and logarithmic beyond.

    Args:
      extremes: Extremes, one for each arm and depth.
      ax: matplotlib Axes.
    """
    depths = sorted({one.depth for one in extremes})
    arms = list(dict.fromkeys(one.arm for one in extremes))
    ax.set_yscale("symlog", linthresh=1.0)
    for one in extremes:
        shift = 0.16 * (arms.index(one.arm) - (len(arms) - 1) / 2)
        place, style = depths.index(one.depth) + shift, arm_style(one.arm)
        for values, filled in ((one.highest, True), (one.lowest, False)):
            middle = float(np.median(values))
            bars = [[middle - min(values)], [max(values) - middle]]
            face = style.color if filled else "#ffffff"
            marker = "^" if filled and one.is_bound else style.marker
            looks = {"markersize": 6, "markerfacecolor": face, "capsize": 3, "elinewidth": 1.4}
            ax.errorbar(place, middle, bars, marker=marker, color=style.color, **looks)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set_xticks(range(len(depths)), [f"depth {depth}" for depth in depths])
    low, high = ax.get_ylim()
    ax.set_yticks([t for t in (-1e4, -100, -1, 0, 1, 100, 1e4, 1e6) if low <= t <= high])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("e+0", "e")))
    ax.minorticks_off()
    ax.set_xlim(-0.6, len(depths) - 0.4)
    dress(ax, x="", y="largest and smallest\neigenvalue")
    looks = {"linestyle": "none", "markersize": 6}
    styles = {arm: arm_style(arm) for arm in arms}
    handles = [
        Line2D([], [], marker=style.marker, color=style.color, label=shown(arm), **looks)
        for arm, style in styles.items()
    ]
    legend(ax, handles=handles, ncols=min(len(arms), 3), loc="upper left")


def _logs(plane):
    values = np.asarray(plane.values, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values)
    return np.where(np.isfinite(logs), logs, np.nan)


def _hill(ax, plane, logs, norm, name):
    x, y = np.meshgrid(plane.xs, plane.ys)
    colors = colormaps[MAP](norm(logs))
    colors[..., :3] *= _light(plane, norm(logs))[..., None]
    ax.plot_surface(
        x, y, logs, facecolors=colors, rstride=1, cstride=1, linewidth=0, antialiased=False
    )
    ax.set_proj_type("ortho")
    ax.view_init(**CAMERA)
    ax.set_zlim(norm.vmin, norm.vmax)
    ax.set_box_aspect((1, 1, 0.72), zoom=1.12)
    ax.set_title(shown(name), color=arm_style(name).color, fontsize=TEXT_SIZE + 2, weight="bold")
    ax.set_xticks([]), ax.set_yticks([])
    ax.zaxis.set_major_locator(MaxNLocator(5, integer=norm.vmax - norm.vmin > 3))
    ax.zaxis.set_major_formatter(FuncFormatter(_loss_name))
    ax.tick_params(labelsize=SMALL_SIZE, colors=INK, pad=1)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.set_facecolor("#ffffff00")
        axis.pane.set_edgecolor(FAINT)
        axis._axinfo["grid"]["color"] = FAINT
        axis._axinfo["grid"]["linewidth"] = 0.4


def _light(plane, heights):
    # One lamp for all: matplotlib's own would stretch the light of each hill by itself.
    heights = np.nan_to_num(np.ma.filled(heights, np.nan))
    ups = np.gradient(heights, plane.ys, plane.xs)
    normal = np.stack([-ups[1], -ups[0], np.ones_like(heights)])
    normal /= np.linalg.norm(normal, axis=0)
    return 0.62 + 0.38 * np.clip(np.tensordot(LAMP, normal, 1), 0, 1)


def _map(ax, plane, logs, norm, chance):
    masked = np.ma.masked_invalid(logs)
    levels = np.linspace(norm.vmin, norm.vmax, 40)
    drawn = ax.contourf(plane.xs, plane.ys, masked, levels=levels, cmap=MAP, norm=norm)
    drawn.set_rasterized(True)
    lines = np.linspace(norm.vmin, norm.vmax, NUM_LINES)[1:-1]
    looks = {"colors": "#101010", "linewidths": 0.5, "alpha": 0.55, "linestyles": "-"}
    ax.contour(plane.xs, plane.ys, masked, levels=lines, **looks)
    if masked.count() and masked.min() < chance < masked.max():
        ax.contour(plane.xs, plane.ys, masked, levels=[chance], colors="#ffffff", linewidths=1.6)
    ax.plot(0, 0, marker="P", markersize=6, color="#ffffff", markeredgecolor="#101010")
    ax.set_aspect("equal")
    ax.set_xticks([]), ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _bar(ax, norm):
    bar = ax.figure.colorbar(ScalarMappable(norm, MAP), cax=ax)
    bar.locator = MaxNLocator(7, integer=norm.vmax - norm.vmin > 3)
    bar.formatter = FuncFormatter(_loss_name)
    bar.update_ticks()
    bar.set_label("loss (nats per example)", fontsize=TEXT_SIZE, color=INK)
    bar.ax.tick_params(labelsize=SMALL_SIZE, colors=INK, length=3, width=0.6)
    bar.outline.set_linewidth(0)


def _loss_name(power, _):
    loss = 10.0**power
    return f"{float(f'{loss:.2g}'):g}" if 1e-3 <= loss < 1e4 else f"$10^{{{power:g}}}$"

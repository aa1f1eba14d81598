"""Signed maps of lambda_min / lambda_max of twins, with contour lines of the loss."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.colors import Normalize

from lsgeo.plotting._names import shown
from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, color_bar, dress_plane

LINES = "#101010"  # on the colour map, whose colours no scheme of the page changes


class Map(Protocol):
    """What is drawn of a curvature map."""

    xs: np.ndarray  # (nx,)
    ys: np.ndarray  # (ny,)
    losses: np.ndarray  # (ny, nx)
    lowest: np.ndarray  # (ny, nx)
    highest: np.ndarray  # (ny, nx)
    residuals: np.ndarray  # (ny, nx, 2)


def curvature_maps(maps: Mapping[str, Map], axes: Sequence, *, num_classes: int | None) -> None:
    """Draws lambda_min / lambda_max of each network, one cell per point, on one colour scale.

    Red is negative curvature. A dot marks a point where the sign of lambda_min is open: it is smaller than its
    residual. Lines are decades of the loss, the thick one chance, ln(num_classes); the cross is the network.
    Points without a finite loss, or where no eigenvalue is positive, are grey.

    Args:
      maps: arm -> map.
      axes: as many matplotlib Axes of one figure.
      num_classes: number of classes of the task; None where there is no loss of guessing.

    Raises:
      ValueError: for another number of axes.
    """
    if len(axes) != len(maps):
        raise ValueError(f"`axes` must be one per map; got {len(axes)} for {len(maps)}.")
    ratios = {arm: _ratio(one) for arm, one in maps.items()}
    known = np.concatenate([np.abs(ratio[np.isfinite(ratio)]) for ratio in ratios.values()])
    limit = min(1.0, float(np.max(known, initial=0.0))) or 1.0
    chance = np.log(num_classes) if num_classes else np.nan
    for rank, (ax, (arm, one)) in enumerate(zip(axes, maps.items(), strict=True)):
        drawn = _draw(one, ratios[arm], ax, limit, chance)
        middle = np.nanmedian(one.highest) if np.any(np.isfinite(one.highest)) else np.nan
        title = f"{shown(arm)} (median λ_max {middle:.3g})"
        dress_plane(ax, title, arm=arm, label="direction (filter norms)", rank=rank)
        ax.locator_params(nbins=5)
    extend = "both" if known.size and known.max() > limit else "neither"
    color_bar(drawn, axes, "λ_min / λ_max of the full Hessian", extend=extend)
    thick = ", thick: chance" if num_classes else ""
    axes[0].figure.supxlabel(
        f"lines: decades of the loss{thick}; dots: sign of λ_min open; cross: the network",
        fontsize=SMALL_SIZE,
        color=INK,
    )


def _ratio(one):
    positive = np.where(one.highest > 0, one.highest, np.nan)
    return np.asarray(one.lowest / positive, np.float64)


def _draw(one, ratio, ax, limit, chance):
    ax.set_facecolor(FAINT)
    drawn = ax.pcolormesh(
        one.xs,
        one.ys,
        np.ma.masked_invalid(ratio),
        cmap="RdBu",
        norm=Normalize(-limit, limit),
        shading="nearest",
        rasterized=True,
    )
    open_j, open_i = np.nonzero(np.abs(one.lowest) <= one.residuals[..., 0])
    ax.plot(one.xs[open_i], one.ys[open_j], ".", color=LINES, markersize=3)
    losses = np.ma.masked_invalid(np.where(one.losses > 0, one.losses, np.nan))
    if losses.count() and min(losses.shape) > 1:
        logs = np.ma.log10(losses)
        decades = np.arange(np.ceil(logs.min()), np.floor(logs.max()) + 1)
        if decades.size:
            lines = ax.contour(
                one.xs, one.ys, logs, levels=decades, colors=LINES, linewidths=0.8, linestyles="-"
            )
            ax.clabel(lines, fontsize=SMALL_SIZE, fmt=lambda power: f"{10.0**power:g}")
        if logs.min() < np.log10(chance) < logs.max():
            levels = [np.log10(chance)]
            ax.contour(
                one.xs, one.ys, logs, levels=levels, colors=LINES, linewidths=2.2, linestyles="-"
            )
    if one.xs[0] <= 0 <= one.xs[-1] and one.ys[0] <= 0 <= one.ys[-1]:
        ax.plot(0, 0, marker="P", markersize=7, color="#ffffff", markeredgecolor=LINES)
    return drawn

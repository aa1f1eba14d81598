"""Steps to a loss against the learning rate, and the largest rates with which training is stable."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from lsgeo.plotting._names import label_ends, legend, wrapped
from lsgeo.plotting.style import INK, arm_style, dress, note, plain_ticks

# Label, marker, whether it is filled, height: what was measured, and what the curvature gives.
_ROWS = (
    ("largest stable, measured", "o", True, 0.2),
    ("by the curvature at the start", "D", False, 0.0),
    ("by that at the loss", "s", False, -0.2),
)


def steps_by_rate(
    rates: Sequence[float],
    steps: Mapping[str, np.ndarray],
    ax: Axes,
    *,
    budget: int,
    target: float,
    best: Mapping[str, float],
) -> None:
    """Draws the steps to a loss against the learning rate, median over seeds, one line per arm.

    Every seed is a dot; those that never reached the loss stand above the dotted line, open. A ring is around
    each arm's best rate.

    Args:
      rates: learning rates [R].
      steps: arm -> steps [R, S], infinite where the loss was not reached.
      ax: matplotlib Axes; both axes become logarithmic.
      budget: steps that a training had.
      target: the loss.
      best: arm -> its best rate, NaN for none.
    """
    rates = np.asarray(rates, float)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ends = []
    spread = np.linspace(-1, 1, len(steps)) if len(steps) > 1 else [0.0]
    for place, (name, grid) in zip(spread, steps.items(), strict=True):
        chosen = np.flatnonzero(rates == best[name])
        ends.append(
            _draw_arm(name, rates * 1.06**place, np.asarray(grid, float), chosen, budget, ax)
        )
    ax.axhline(budget, color=INK, linestyle=":", linewidth=0.9)
    seeds = next(iter(steps.values())).shape[1]
    text = f"above the dotted line: seeds that never reached the loss {target:g} (of {seeds})"
    note(ax, f"{text}; ring: best learning rate")
    plain_ticks(ax.yaxis)
    ax.yaxis.set_minor_locator(NullLocator())
    dress(ax, x="learning rate", y=f"steps to loss {target:g} (updates)")
    label_ends(ax, ends)


def _draw_arm(name, xs, grid, chosen, budget, ax):
    style, medians = arm_style(name), np.median(grid, axis=1)
    shown = np.where(np.isfinite(medians), medians, np.nan)
    look = {"color": style.color, "marker": style.marker}
    ax.plot(xs, shown, linestyle=style.line, markersize=5, linewidth=1.4, **look)
    above = 1.35 * budget
    for x, row in zip(xs, grid, strict=True):
        there = np.isfinite(row)
        ax.scatter(np.full(there.sum(), x), row[there], s=7, color=style.color, alpha=0.45)
        heights = above * 1.1 ** np.arange(np.sum(~there))
        ax.scatter(
            np.full(heights.size, x), heights, s=13, facecolors="none", linewidths=0.8, **look
        )
    if chosen.size and np.isfinite(shown[chosen[0]]):
        spot = xs[chosen[0]], shown[chosen[0]]
        ax.plot(*spot, marker="o", markersize=12, color=style.color, markerfacecolor="none")
    seen = shown[np.isfinite(shown)]
    return (seen[-1] if seen.size else above, wrapped(name), style.color)


def stable_rates(
    limits: Mapping[str, Mapping[str, np.ndarray]], ax: Axes, *, among: Axes | None = None
) -> None:
    """Draws the largest stable learning rate of each arm beside those that the curvature gives.

    Args:
      limits: arm -> {"stable_rate", "unstable_rate", "lambda_init", "lambda_target", "factor"}, [S] each; a
        rate of factor / lambda is the limit on a quadratic. What is zero, infinite or NaN is not drawn.
      ax: matplotlib Axes; its x axis becomes logarithmic.
      among: other Axes with the same learning rates, whose x axis is shared.
    """
    if among is not None:
        ax.sharex(among)
    ax.set_xscale("log")
    names = list(limits)[::-1]
    for place, name in enumerate(names):
        found, color = limits[name], arm_style(name).color
        measured = np.sqrt(found["stable_rate"] * found["unstable_rate"])
        predicted = [found["factor"] / found[f"lambda_{at}"] for at in ("init", "target")]
        for (_, marker, face, shift), values in zip(_ROWS, (measured, *predicted), strict=True):
            values = values[np.isfinite(values) & (values > 0)]
            heights = np.full(values.size, place + shift)
            faces = color if face else "none"
            ax.scatter(values, heights, s=22, marker=marker, color=color, facecolors=faces)
            if values.size:
                ax.plot([values.min(), values.max()], heights[[0, 0]], color=color, linewidth=0.8)
    for label, marker, face, _ in _ROWS:
        faces = INK if face else "none"
        look = {"color": INK, "markerfacecolor": faces, "linestyle": "", "markersize": 5}
        ax.plot([], [], marker=marker, label=label, **look)
    ax.set_yticks(range(len(names)), [wrapped(name) for name in names])
    ax.set_ylim(-0.6, len(names) - 0.4)
    dress(ax, x="learning rate", y="", grid="x")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(arm_style(name).color)
    legend(ax, below=0.18, ncols=3)

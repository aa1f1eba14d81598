"""The figure of `experiments.representations`, and how a branch's strength goes with depth."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from experiments.common.figures import grid
from lsgeo import plotting, runs


def load_slope(opened: runs.Run, skip: str) -> tuple[float, float, float]:
    """Slope of log singular value on log depth over all trained depths, with its 95 % interval."""
    depths, values = zip(*sorted(strengths(opened, skip).items()), strict=True)
    return slope(depths, [np.mean(value) for value in values])


def slope(depths: Sequence[int], values: Sequence[float]) -> tuple[float, float, float]:
    """Slope of log value on log depth with its 95 % interval; NaN below three points."""
    if len(depths) < 3:
        return (float("nan"),) * 3
    fit = stats.linregress(np.log(depths), np.log(values))
    half = stats.t.ppf(0.975, len(depths) - 2) * fit.stderr
    return fit.slope, fit.slope - half, fit.slope + half


def strengths(opened: runs.Run, skip: str) -> dict[int, np.ndarray]:
    """Depth -> largest singular value of a branch, mean over the branches, one for each example."""
    names = ["run" if skip == "identity" else "twin"]
    names += [p.stem for p in sorted(opened.path.glob(f"arrays/depth_{skip}_*.npz"))]
    entries = [opened.load(name) for name in names if opened.has(name)]
    return {
        int(entry["depth"]): entry["singular_values"][..., 0].mean(1)
        for entry in entries
        if "singular_values" in entry
    }


def draw(opened: runs.Run, names: Collection[str]) -> Figure:
    """Draws what was measured of the pair, of the other depths and of the DenseNet."""
    pair = [(e["arm"], e) for e in (opened.load(n) for n in ("run", "twin") if n in names)]
    panels = plotting.representation_panels(pair)
    by_depth = {"skip": strengths(opened, "identity"), "no skip": strengths(opened, "none")}
    if any(name.startswith("depth_") for name in names):
        panels.append(lambda ax: plotting.branch_strength(by_depth, ax))
    if "densenet" in names:
        panels += plotting.reuse_panels(opened.load("densenet"))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = grid(len(panels), 3.5 * columns, 3.3 * rows, columns=columns, rows=rows)
    for ax, panel in zip(axes, panels, strict=True):
        panel(ax)
    return figure

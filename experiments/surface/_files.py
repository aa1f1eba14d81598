"""The planes and lines of a run on disk, what is counted on them, and the figures."""

import math

import numpy as np
from scipy import stats

from experiments.common.figures import save_figure
from experiments.surface._layouts import UNITS, num_planes
from lsgeo import geometry, plotting, runs
from lsgeo.study.stored import load_surfaces


def load_lines(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Slice]:
    """Reads the lines of a run, in order; prefix "twin_" for those of the twin."""
    lines = run_of_surfaces.numbered(f"{prefix}line")
    return [geometry.Slice((line["xs"],), line["values"]) for line in lines]


def summarize(opened: runs.Run, prefix: str, chance: float, is_sample: bool) -> dict[str, object]:
    """Counts on every plane, and the mean with its interval if the planes are a sample."""
    planes = load_surfaces(opened, prefix)
    curved = {"non_convex_fraction": [one.non_convex_fraction() for one in planes]}
    # The share of a line's length is that of the area of a plane that has one row.
    planes = planes or [
        geometry.Surface(*line.axes, np.zeros(1), line.values[None])
        for line in load_lines(opened, prefix)
    ]
    measured = {
        **(curved if curved["non_convex_fraction"] else {}),
        "basin_area": [plane.basin_area(chance) for plane in planes],
        "finite_fraction": [plane.finite_fraction for plane in planes],
        "max_loss": [float(np.max(plane.values)) for plane in planes],
    }
    summary = {}
    for name, values in measured.items():
        mean, half = np.mean(values), math.nan
        if is_sample:
            half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        ends = {"mean": mean, "lower": mean - half, "upper": mean + half}
        summary |= {name: values, **{f"{name}_{end}": value for end, value in ends.items()}}
    return summary


def draw(opened: runs.Run, config, prefixes: list[str]) -> None:
    """Draws every plane of both networks side by side, or all lines in one figure."""
    summaries = {prefix: opened.load(f"{prefix}summary") for prefix in prefixes}
    arms = {prefix: str(summary["arm"]) for prefix, summary in summaries.items()}
    unit = UNITS[config.directions]
    chance = summaries[""]["chance_loss"]
    num_classes = None if math.isnan(chance) else summaries[""]["num_classes"]
    if config.dimensions == 1:
        figure, ax = plotting.new_figure()
        lines = {arms[prefix]: load_lines(opened, prefix) for prefix in prefixes}
        plotting.loss_lines(lines, ax, num_classes=num_classes, unit=unit)
        save_figure(opened, "lines", figure)
        return
    planes = {arms[prefix]: load_surfaces(opened, prefix) for prefix in prefixes}
    for k in range(num_planes(config)):
        columns = len(prefixes)
        figure, axes = plotting.new_figure(width=3.0 + 2.2 * columns, height=3.9, columns=columns)
        plotting.surface_pair(
            {arm: surfaces[k] for arm, surfaces in planes.items()},
            np.atleast_1d(axes),
            num_classes=num_classes,
            unit=unit,
            points={
                arms[prefix]: opened.load(f"{prefix}plane_{k}")["points"] for prefix in prefixes
            },
        )
        save_figure(opened, f"surface_{k}", figure)

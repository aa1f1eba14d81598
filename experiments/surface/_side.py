"""One network with what its directions are made of: its planes, or lines, their summary and figures."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from experiments.common.figures import save_figure
from experiments.common.network import load_network
from experiments.common.rows import Rows
from experiments.common.trajectory import load_trajectory
from experiments.surface._layouts import LED_TO, UNITS, is_sample, layouts, num_planes, policy_loss
from lsgeo import geometry, plotting, runs
from lsgeo.operators.evaluation import evaluate
from lsgeo.results import entries
from lsgeo.study.stored import load_surfaces

Report = Callable[[int, int, int], None]  # report(plane, rows done, rows)


class Side:
    """A network, the loss that its surfaces are of, and the networks that directions lead to."""

    def __init__(self, config: Any, path: str, prefix: str):
        """Loads all of them; `prefix` is that of the files."""
        self.config, self.prefix = config, prefix
        load = functools.partial(load_network, **entries(config, ("checkpoint", "num_examples")))
        self.network = load(path)
        if config.directions == "pca":
            found = load_trajectory(path, config.num_examples)
            self.others, shas = found.points, [found.sha256]
        else:
            there = [load(getattr(config, name)) for name in LED_TO.get(config.directions, ())]
            self.others, shas = [n.params for n in there], [n.sha256 for n in there]
        self.loss = policy_loss(self.network, config.batch_stats)
        self.sha256 = " ".join([self.network.sha256, *shas])

    def measure(self, opened: runs.Run, report: Report | None) -> dict[str, Any]:
        """Evaluates the rows that are missing, and counts on all of them."""
        config, network, grid = self.config, self.network, axes(self.config)
        flat = config.dimensions == 1
        for k, layout in enumerate(layouts(config, network, self.loss, self.others)):
            name = f"{self.prefix}{'line' if flat else 'plane'}_{k}"
            facts = {**grid, "points": layout.points, **layout.facts}
            rows = Rows(opened, name, self.sha256, facts, single=flat)
            geometry.slice_along(
                self.loss,
                network.params,
                network.batch,
                layout.directions[::-1],
                axes=list(grid.values())[::-1],
                chunk=config.chunk,
                finished=rows.finished,
                on_row=rows.add,
                progress=report and functools.partial(report, k),
            )
        return {
            **_summarize(opened, self.prefix, network.chance_loss, is_sample(config)),
            "centre_loss": float(evaluate(self.loss, network.params, network.batch)),
            **entries(network, ("chance_loss", "num_classes", "arm")),
            "checkpoint_step": network.step,
            "num_examples": len(network.batch["image"]),
            "batch_stats": config.batch_stats if network.constants.get("batch_stats") else "none",
        }


def axes(config: Any) -> dict[str, np.ndarray]:
    """The coordinates: xs and, of planes, ys."""
    found = {
        "xs": np.linspace(config.x_min, config.x_max, config.nx or config.resolution),
        "ys": np.linspace(config.y_min, config.y_max, config.ny or config.resolution),
    }
    return found if config.dimensions == 2 else {"xs": found["xs"]}


def load_lines(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Slice]:
    """Reads the lines of a run, in order; prefix "twin_" for those of the twin."""
    lines = run_of_surfaces.numbered(f"{prefix}line")
    return [geometry.Slice((line["xs"],), line["values"]) for line in lines]


def _summarize(opened: runs.Run, prefix: str, chance: float, is_sample: bool) -> dict[str, object]:
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
    planes, columns = {arms[p]: load_surfaces(opened, p) for p in prefixes}, len(prefixes)
    for k in range(num_planes(config)):
        figure, axes = plotting.new_figure(width=3.0 + 2.2 * columns, height=3.9, columns=columns)
        plotting.surface_pair(
            {arm: surfaces[k] for arm, surfaces in planes.items()},
            np.atleast_1d(axes),
            num_classes=num_classes,
            unit=unit,
            points={arms[p]: opened.load(f"{p}plane_{k}")["points"] for p in prefixes},
        )
        save_figure(opened, f"surface_{k}", figure)

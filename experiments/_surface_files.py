"""The files of a surface run: rows as they come, what is counted on them, and the figures."""

import math

import numpy as np
from scipy import stats

from experiments import _surface
from experiments.common.figures import save_figure
from lsgeo import geometry, plotting, runs


class Rows:
    """The rows of one plane, or line, on disk, from the first on; rewritten whole with every new row."""

    def __init__(self, opened, prefix, number, axes, networks, layout):
        self._run, self._flat = opened, len(axes) == 1
        self._name = f"{prefix}{'line' if self._flat else 'plane'}_{number}"
        self._facts = {
            **dict(zip(("xs", "ys"), axes, strict=False)),
            "network_sha256": networks,
            "points": layout.points,
            **layout.facts,
        }
        self._rows = []
        if opened.has(self._name):
            stored = opened.load(self._name)
            if stored["network_sha256"] != networks:
                raise ValueError(
                    f"`workdir` {opened.path} holds {self._name} of other weights: the training run was "
                    "repeated since. Use another --workdir, or delete that directory."
                )
            self._rows = [stored["values"]] if self._flat else list(stored["values"])

    @property
    def finished(self):
        """Rows that are there, by their number."""
        return dict(enumerate(self._rows))

    def add(self, row, values):
        """Stores a row; they come in order."""
        del row
        self._rows.append(values)
        stacked = values if self._flat else np.stack(self._rows)
        self._run.save(self._name, {**self._facts, "values": stacked})


def load_surfaces(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Surface]:
    """Reads the finished planes of a run, in order; prefix "twin_" for those of the twin.

    Raises:
      ValueError: if a file is damaged.
    """
    surfaces = []
    while run_of_surfaces.has(name := f"{prefix}plane_{len(surfaces)}"):
        arrays = run_of_surfaces.load(name)
        if len(arrays["values"]) < len(arrays["ys"]):
            break
        surfaces.append(geometry.Surface(arrays["xs"], arrays["ys"], arrays["values"]))
    return surfaces


def load_lines(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Slice]:
    """Reads the lines of a run, in order; prefix "twin_" for those of the twin.

    Raises:
      ValueError: if a file is damaged.
    """
    lines = []
    while run_of_surfaces.has(name := f"{prefix}line_{len(lines)}"):
        arrays = run_of_surfaces.load(name)
        lines.append(geometry.Slice((arrays["xs"],), arrays["values"]))
    return lines


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
        values = np.array(values)
        mean, half = values.mean(), math.nan
        if is_sample:
            deviation = values.std(ddof=1) / math.sqrt(len(values))
            half = stats.t.ppf(0.975, len(values) - 1) * deviation
        summary |= {
            name: values,
            f"{name}_mean": mean,
            f"{name}_lower": mean - half,
            f"{name}_upper": mean + half,
        }
    return summary


def draw(opened: runs.Run, config, prefixes: list[str]) -> None:
    """Draws every plane of both networks side by side, or all lines in one figure."""
    summaries = {prefix: opened.load(f"{prefix}summary") for prefix in prefixes}
    arms = {prefix: str(summary["arm"]) for prefix, summary in summaries.items()}
    unit = _surface.UNITS[config.directions]
    chance = summaries[""]["chance_loss"]
    num_classes = None if math.isnan(chance) else summaries[""]["num_classes"]
    if config.dimensions == 1:
        figure, ax = plotting.new_figure()
        lines = {arms[prefix]: load_lines(opened, prefix) for prefix in prefixes}
        plotting.loss_lines(lines, ax, num_classes=num_classes, unit=unit)
        save_figure(opened, "lines", figure)
        return
    planes = {arms[prefix]: load_surfaces(opened, prefix) for prefix in prefixes}
    for k in range(_surface.num_planes(config)):
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

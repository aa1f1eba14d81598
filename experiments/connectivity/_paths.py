"""Paths between two networks on disk, and their figure."""

from typing import Any

from experiments.common.figures import save_figure
from lsgeo import geometry, plotting, runs
from lsgeo.results import entries, restored

PATHS = {
    "line": "straight line",
    "line_matched": "straight line, units matched",
    "curve": "fitted curve",
    "curve_matched": "fitted curve, units matched",
    "band_matched": "elastic band, units matched",
}
DERIVED = ("above_mean", "above_chord", "resolution", "peak", "detour")


def load_barrier(opened: runs.Run, name: str) -> geometry.Barrier:
    """Reads the loss along a path of `PATHS`."""
    return restored(geometry.Barrier, opened.load(name))


def load_curvature(opened: runs.Run) -> geometry.CurveCurvature:
    """Reads the curvature along the matched curve."""
    return restored(geometry.CurveCurvature, opened.load("curvature"))


def of_barrier(barrier: geometry.Barrier) -> dict[str, Any]:
    """A barrier's fields and figures as entries of `Run.save`."""
    return {**entries(barrier), **entries(barrier, DERIVED)}


def draw(opened: runs.Run, arm: str) -> None:
    """Draws figures/connectivity.svg: the loss along every path, the curvature along the matched curve."""
    figure, (left, right) = plotting.new_figure(width=9.6, height=3.8, columns=2)
    profiles = {title: load_barrier(opened, name) for name, title in PATHS.items()}
    plotting.loss_profiles(profiles, left, arm=arm)
    plotting.curvature_profile({arm: load_curvature(opened)}, right)
    save_figure(opened, "connectivity", figure)

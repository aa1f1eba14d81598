"""Paths between two networks on disk, and their figure."""

import dataclasses

from experiments.common.figures import save_figure
from lsgeo import geometry, plotting, runs

PATHS = {
    "line": "straight line",
    "line_matched": "straight line, units matched",
    "curve": "fitted curve",
    "curve_matched": "fitted curve, units matched",
    "band_matched": "elastic band, units matched",
}


def load_barrier(opened: runs.Run, name: str) -> geometry.Barrier:
    """Reads the loss along a path of `PATHS`."""
    arrays = opened.load(name)
    fields = [field.name for field in dataclasses.fields(geometry.Barrier)]
    return geometry.Barrier(*(arrays[field] for field in fields))


def load_curvature(opened: runs.Run) -> geometry.CurveCurvature:
    """Reads the curvature along the matched curve."""
    arrays = opened.load("curvature")
    fields = [field.name for field in dataclasses.fields(geometry.CurveCurvature)]
    return geometry.CurveCurvature(*(arrays[field] for field in fields))


def fields(result) -> dict:
    """A result's fields as entries of `Run.save`."""
    return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}


def of_barrier(barrier: geometry.Barrier) -> dict:
    """A barrier's fields and figures as entries of `Run.save`."""
    derived = ("above_mean", "above_chord", "resolution", "peak", "detour")
    return {**fields(barrier), **{name: getattr(barrier, name) for name in derived}}


def draw(opened: runs.Run, arm: str) -> None:
    """Draws figures/connectivity.svg: the loss along every path, the curvature along the matched curve."""
    figure, (left, right) = plotting.new_figure(width=9.6, height=3.8, columns=2)
    profiles = {title: load_barrier(opened, name) for name, title in PATHS.items()}
    plotting.loss_profiles(profiles, left, arm=arm)
    plotting.curvature_profile({arm: load_curvature(opened)}, right)
    save_figure(opened, "connectivity", figure)

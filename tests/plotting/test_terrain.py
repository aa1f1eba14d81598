"""Terrain figures: every plane and interval where it belongs, branches that do not cross, signed maps."""

import math
import types

import numpy as np
import pytest

from lsgeo import plotting


def tree(births, deaths, joins):
    arrays = (np.asarray(part) for part in (births, deaths, joins))
    return types.SimpleNamespace(**dict(zip(("births", "deaths", "joins"), arrays, strict=True)))


FOREST = tree([0.1, 0.2, 0.3, 0.4], [math.inf, 5.0, 0.9, 2.0], [-1, 0, 1, 0])


def test_every_finite_plane_is_a_dot_in_its_networks_column_and_the_interval_stands_apart():
    _, ax = plotting.new_figure()
    values = {"skip": [[1.0, 2.0], [3.0, np.nan]], "no skip": [[5.0], [7.0]]}
    ends = {"skip": (2.0, 0.5, 4.0), "no skip": (6.0, -math.inf, math.inf)}
    plotting.nested_values(values, ends, ax, label="radius", unit="filter norms")
    dots = [line.get_ydata().tolist() for line in ax.lines if line.get_markersize() == 4]
    assert dots == [[1, 2], [3], [5], [7]]
    places = [line.get_xdata()[0] for line in ax.lines if line.get_markersize() == 4]
    assert places == sorted(places) and len(set(places)) == 4
    bars = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 1.6]
    np.testing.assert_allclose(bars[0], [0.5, 4])
    assert np.all(np.isfinite(bars[1])) and bars[1][0] <= 1 and bars[1][1] >= 7
    assert "1 not finite" in ax.get_title() and ax.get_ylabel() == "filter norms"


def test_branches_rise_to_their_saddles_and_no_way_to_one_crosses_a_branch():
    _, ax = plotting.new_figure()
    plotting.merge_tree_branches(FOREST, ax, arm="no skip", top=9.0)
    lines = [np.array(line.get_xydata()) for line in ax.lines if len(line.get_xdata()) == 2]
    upright = [line for line in lines if line[0, 0] == line[1, 0]]
    across = [line for line in lines if line[0, 0] != line[1, 0]]
    np.testing.assert_allclose(
        [line[:, 1] for line in upright], [[0.1, 9], [0.2, 5], [0.3, 0.9], [0.4, 2]]
    )
    assert len(across) == 3 and ax.get_yscale() == "linear"
    for (left, height), (right, _) in across:
        for line in upright:
            inside = min(left, right) < line[0, 0] < max(left, right)
            assert not (inside and line[0, 1] < height < line[1, 1])


def test_walls_of_decades_turn_the_loss_axis_logarithmic():
    _, ax = plotting.new_figure()
    plotting.merge_tree_branches(FOREST, ax, arm="no skip", top=1e6)
    assert ax.get_yscale() == "log" and ax.get_title() == "no skip: 4 minima"


def test_persistence_diagram_counts_the_minima_that_join_another():
    _, ax = plotting.new_figure()
    bowl = tree([0.5], [math.inf], [-1])
    plotting.persistence_diagram({"skip": [bowl], "no skip": [FOREST, FOREST]}, ax)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["skip: 0 on 1 planes", "no skip: 6 on 2 planes"]
    np.testing.assert_allclose(ax.lines[1].get_ydata()[:3], [24, 2, 4])
    _, empty = plotting.new_figure()
    plotting.persistence_diagram({"skip": [bowl]}, empty)
    assert empty.get_xscale() == "linear"


def test_counts_stand_over_the_range_of_their_fields_and_nan_is_left_out():
    _, ax = plotting.new_figure()
    fields = np.arange(41)
    plotting.minima_against_null(
        {"skip": [(0, fields), (np.nan, fields)], "no skip": [(50, fields)]}, ax
    )
    ranges = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 5]
    np.testing.assert_allclose(ranges, [[1, 39], [1, 39]])
    assert [line.get_ydata()[0] for line in ax.lines if line.get_marker() in "os"] == [0, 50]


def test_maps_are_signed_on_one_scale_and_mark_an_open_sign():
    xs, ys = np.array([-1.0, 0.0, 1.0]), np.array([-1.0, 1.0])
    lowest = np.array([[-1.0, -0.5, np.nan], [-0.01, 0.2, -3.0]])
    one = types.SimpleNamespace(
        xs=xs,
        ys=ys,
        losses=np.array([[0.5, 2.0, np.nan], [30.0, 4.0, 200.0]]),
        lowest=lowest,
        highest=np.array([[2.0, 2.0, np.nan], [2.0, 2.0, 2.0]]),
        residuals=np.full((2, 3, 2), 0.02),
    )
    figure, axes = plotting.new_figure(columns=2)
    plotting.curvature_maps({"skip": one, "no skip": one}, axes, num_classes=10)
    mesh = axes[0].collections[0]
    np.testing.assert_allclose(mesh.get_array().filled(np.nan), lowest / 2)
    assert mesh.get_clim() == (-1, 1) and axes[1].collections[0].get_clim() == (-1, 1)
    dots = next(line for line in axes[0].lines if line.get_marker() == ".")
    np.testing.assert_array_equal(dots.get_xydata(), [[-1, 1]])
    assert "thick: chance" in figure.get_supxlabel()
    assert plotting.to_svg(figure).startswith("<svg")
    plotting.curvature_maps({"skip": one, "no skip": one}, axes, num_classes=None)
    assert "chance" not in figure.get_supxlabel()
    with pytest.raises(ValueError, match="`axes` must be one per map; got 2 for 1"):
        plotting.curvature_maps({"skip": one}, axes, num_classes=10)

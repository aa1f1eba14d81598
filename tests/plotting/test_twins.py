"""The landscapes of twins: one camera, one height and one colour for a loss, and nothing that is not there."""

import io
import math

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

import lsgeo.study  # noqa: F401 - The looks of its arms come with it.
from lsgeo import plotting
from lsgeo.geometry import Surface

AXIS = np.linspace(-1, 1, 11)
BOWL = AXIS[None, :] ** 2 + AXIS[:, None] ** 2


def drawn(**options):
    planes = {
        "no skip": Surface(AXIS, AXIS, 0.01 + 100 * BOWL),
        "skip": Surface(AXIS, AXIS, 0.1 + BOWL),
    }
    return plotting.twin_landscapes(planes, **options)


def hills(figure):
    return [ax for ax in figure.axes if ax.name == "3d"]


def test_both_hills_have_one_camera_and_one_height_from_the_lowest_loss_to_the_highest():
    one, other = hills(drawn())
    for name in ("elev", "azim", "roll"):
        assert getattr(one, name) == getattr(other, name)
    # The lowest loss of both is .01, the highest 200.01.
    for ax in (one, other):
        assert ax.get_zlim() == pytest.approx((-2, math.log10(200.01)))


def test_one_loss_has_one_colour_in_both_maps_and_in_the_bar():
    figure = drawn()
    mappables = [c for ax in figure.axes for c in ax.collections if c.get_array() is not None]
    limits = {c.get_clim() for c in mappables if c.cmap.name == "viridis" and c.get_array().ndim}
    assert len({tuple(np.round(one, 6)) for one in limits}) == 1


def test_a_loss_that_is_not_finite_stays_out_of_the_scale():
    values = 0.1 + BOWL
    values[0, 0], values[0, 1] = np.inf, np.nan
    planes = {"no skip": Surface(AXIS, AXIS, values), "skip": Surface(AXIS, AXIS, 0.1 + BOWL)}
    (one, _) = hills(plotting.twin_landscapes(planes))
    assert one.get_zlim() == pytest.approx((-1, math.log10(2.1)))


def extremes(held=False):
    return [
        plotting.Extremes(arm, depth, (-3.0, -2.0, -1.0), (top, 2 * top, 10 * top), held)
        for depth in (4, 16)
        for arm, top in (("no skip", 100.0), ("skip", 5.0))
    ]


def test_the_strip_has_median_and_range_over_seeds_of_both_ends():
    _, ax = plotting.new_figure()
    plotting.depth_strip(extremes(), ax)
    middles = [float(box.lines[0].get_ydata()[0]) for box in ax.containers]
    assert middles == [200.0, -2.0, 10.0, -2.0] * 2
    bars = ax.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert list(bars) == [100.0, 1000.0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["depth 4", "depth 16"]


def test_a_bound_has_an_arrow_in_place_of_its_arm_s_marker():
    for held in (False, True):
        _, ax = plotting.new_figure()
        plotting.depth_strip(extremes(held), ax)
        highest, lowest = ax.containers[0].lines[0], ax.containers[1].lines[0]
        assert (highest.get_marker() == "^") is held and lowest.get_marker() != "^"


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ({"skip": BOWL + 1}, "`surfaces` must be those of twins, two at least; got 1"),
        ({"no skip": BOWL * np.nan, "skip": -BOWL}, "`surfaces` must hold at least one finite"),
    ],
)
def test_what_are_no_twins_is_refused(planes, message):
    with pytest.raises(ValueError, match=message):
        plotting.twin_landscapes({name: Surface(AXIS, AXIS, v) for name, v in planes.items()})


def test_the_ramp_is_that_of_the_figures():
    ramp = plotting.loss_ramp(3)
    assert ramp[0] == (68, 1, 84) and ramp[-1] == (253, 231, 36)
    middle = 255 * np.array(colormaps["viridis"](0.5)[:3])
    np.testing.assert_allclose(ramp[1], middle, atol=1)


def test_a_png_has_the_same_bytes_for_the_same_figure_and_the_size_that_was_asked_for():
    one, other = (plotting.to_png(drawn(extremes=extremes()), dpi=50) for _ in range(2))
    assert one == other
    with Image.open(io.BytesIO(one)) as image:
        assert image.size[0] == 450 and image.mode == "P"

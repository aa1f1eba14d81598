"""What the figures of paths must say whatever the data."""

import numpy as np
import pytest

from lsgeo import plotting
from lsgeo.geometry import Barrier, CurveCurvature

TS = np.linspace(0, 1, 5)


def barrier(*losses):
    return Barrier(TS, np.array(losses), TS, 1.0, 5)


def curvature():
    ends = np.zeros((5, 2))
    return CurveCurvature(TS, -np.ones(5), np.full(5, 50.0), ends, ends < 1, 10)


def test_paths_of_one_pair_have_one_colour_and_leave_gaps_where_not_finite():
    _, ax = plotting.new_figure()
    paths = {"line": barrier(0.1, 1, 2, 1, 0.1), "curve": barrier(0.1, 0.2, np.inf, 0.2, 0.1)}
    plotting.loss_profiles(paths, ax, arm="skip")
    assert {line.get_color() for line in ax.lines} == {plotting.arm_style("skip").color}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["line", "curve"]
    assert np.isnan(ax.lines[1].get_ydata()[2]) and ax.get_yscale() == "log"
    assert "(nats per example)" in ax.get_ylabel() and "(" in ax.get_xlabel()


def test_curvature_shows_both_ends_of_every_arm_on_one_axis():
    _, ax = plotting.new_figure()
    plotting.curvature_profile({"skip": curvature(), "no skip": curvature()}, ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [
        f"{arm}, {end}" for arm in ("skip", "no skip") for end in ("highest", "lowest")
    ]
    assert ax.get_yscale() == "symlog" and "(nats / parameter²)" in ax.get_ylabel()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plotting.loss_profiles({}, ax, arm="skip"), "1 to 5 paths; got 0"),
        (
            lambda ax: plotting.loss_profiles({"a": barrier(*[np.nan] * 5)}, ax, arm="skip"),
            "at least one finite positive loss",
        ),
        (lambda ax: plotting.curvature_profile({}, ax), "at least one CurveCurvature"),
    ],
)
def test_bad_arguments_are_refused_by_name(draw, message):
    _, ax = plotting.new_figure()
    with pytest.raises(ValueError, match=message):
        draw(ax)

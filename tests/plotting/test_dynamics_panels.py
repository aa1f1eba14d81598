"""The figure of full-batch training: every panel draws what its label says, and gaps stay gaps."""

import numpy as np
import pytest

from lsgeo import plotting


def entry(**changes):
    gap = np.array([np.nan, 0.5, 0.25])
    return {
        "steps": np.array([0, 2, 4]),
        "losses": np.array([4.0, 3.0, 2.0, 1.0]),
        "sharpness": np.array([10.0, 20.0, 30.0]),
        "limit": 20.0,
        "learning_rate": 0.1,
        "top": 2,
        "values": np.array([[-1.0, 5.0, 10.0], [-2.0, 6.0, 20.0], [-3.0, 7.0, 30.0]]),
        "share": gap,
        "kept": gap,
        "distance": np.array([0.0, 1.0, np.nan]),
        "travelled": np.array([0.0, 4.0, np.nan]),
        "flow_error": np.array([0.0, 0.4, np.nan]),
        "status": "trained",
        **changes,
    }


def drawn(arms):
    figure, axes = plotting.new_figure(columns=3, rows=2)
    plotting.dynamics_panels(arms, axes.ravel())
    plotting.to_svg(figure)
    return axes.ravel()


def test_sharpness_is_drawn_over_its_limit_and_the_distance_over_the_flows_way():
    loss, edge, values, share, _, distance = drawn({"skip": entry()})
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), [4, 3, 2, 1])
    np.testing.assert_array_equal(edge.lines[0].get_ydata(), [0.5, 1, 1.5])
    assert edge.lines[1].get_ydata() == [1, 1]
    # The two highest, not the lowest; the largest is the thicker line.
    second, first = values.lines[:2]
    np.testing.assert_array_equal(first.get_ydata(), [10, 20, 30])
    np.testing.assert_array_equal(second.get_ydata(), [5, 6, 7])
    assert first.get_linewidth() > second.get_linewidth() and "2 highest" in values.get_title(
        "left"
    )
    np.testing.assert_array_equal(share.lines[0].get_ydata(), [np.nan, 0.5, 0.25])
    np.testing.assert_array_equal(distance.lines[0].get_ydata(), [np.nan, 0.25, np.nan])
    band = distance.collections[0].get_datalim(distance.transData)
    np.testing.assert_allclose([band.y0, band.y1], [0.15, 0.35])
    assert all("(" in ax.get_ylabel() for ax in (loss, edge, values, share, distance))


def test_a_diverged_training_ends_in_a_cross_and_an_absent_flow_is_named():
    lost = np.full(3, np.nan)
    wild = entry(status="diverged", losses=np.array([1.0, 9.0, np.inf]), distance=lost)
    axes = drawn({"no skip": wild})
    cross = axes[0].lines[-1]
    assert cross.get_marker() == "X" and (*cross.get_xdata(), *cross.get_ydata()) == (1, 9)
    assert [text.get_text() for text in axes[5].texts] == ["no gradient flow was followed"]
    assert not axes[5].lines[0].get_ydata()[np.isfinite(axes[5].lines[0].get_ydata())].size


def test_no_arm_and_too_few_axes_are_refused():
    with pytest.raises(ValueError, match="`arms` must hold at least one training; got none"):
        drawn({})
    with pytest.raises(ValueError, match="`axes` must be six; got 1"):
        plotting.dynamics_panels({"skip": entry()}, [plotting.new_figure()[1]])

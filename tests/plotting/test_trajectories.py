"""Trajectories and races as they are drawn: sizes, holes, what never happened."""

import matplotlib.collections
import numpy as np
import pytest

from lsgeo.geometry import Surface
from lsgeo.plotting import (
    Trajectory,
    new_figure,
    stable_rates,
    steps_by_rate,
    to_svg,
    trajectory_losses,
    trajectory_planes,
    variance_shares,
)

WAY = Trajectory(
    "skip",
    steps=np.array([0, 10, 20]),
    coordinates=np.array([[2.0, 1.0], [1.0, 1.0], [0.0, 0.0]]),
    errors=np.array([0.2, 0.9, 0.0]),
    losses=np.array([2.0, 1.0, 0.1]),
    plane_losses=np.array([1.5, np.inf, 0.1]),
)


def test_points_grow_with_their_distance_from_the_plane_and_holes_of_the_surface_stay_empty():
    figure, ax = new_figure()
    values = np.array([[1.0, np.nan], [0.5, 2.0]])
    ground = Surface(np.array([-1.0, 3.0]), np.array([-1.0, 2.0]), values)
    trajectory_planes([WAY], [ground], [ax])
    points = [c for c in ax.collections if isinstance(c, matplotlib.collections.PathCollection)]
    sizes = next(c.get_sizes() for c in points if len(c.get_offsets()) == 3)
    assert sizes[1] > sizes[0] > sizes[2] and ax.get_title() == "skip"
    assert "<svg" in to_svg(figure)


def test_a_trajectory_is_drawn_without_a_surface_and_its_infinite_losses_leave_a_gap():
    _, axes = new_figure(columns=3)
    trajectory_planes([WAY], [None], axes[:1])
    trajectory_losses(WAY, axes[1])
    true, projected = (line.get_ydata() for line in axes[1].lines)
    np.testing.assert_array_equal(true, WAY.losses)
    assert np.isnan(projected[1]) and projected[0] == 1.5
    variance_shares([0.9, 0.1], [0.8, 0.2], axes[2], arm="skip")
    assert [line.get_label() for line in axes[2].lines] == ["skip", "random walk"]
    nothing = Surface(np.arange(2.0), np.arange(2.0), np.full((2, 2), np.nan))
    trajectory_planes([WAY, WAY], [nothing, Surface(*[np.arange(2.0)] * 2, np.eye(2))], axes[:2])
    with pytest.raises(ValueError, match="must be as many; got 1, 2 and 1"):
        trajectory_planes([WAY], [None, None], axes[:1])


def test_seeds_that_never_reached_the_loss_stand_above_the_budget_and_the_best_rate_has_a_ring():
    figure, ax = new_figure()
    steps = {
        "skip": np.array([[30.0, 40, np.inf], [20, 10, 15]]),
        "no skip": np.full((2, 3), np.inf),
    }
    best = {"skip": 1.0, "no skip": np.nan}
    steps_by_rate([0.1, 1.0], steps, ax, budget=100, target=0.5, best=best)
    heights = np.concatenate([c.get_offsets()[:, 1] for c in ax.collections])
    assert np.sum(heights > 100) == 7 and sorted(heights[heights < 100]) == [10, 15, 20, 30, 40]
    (ring,) = [line for line in ax.lines if line.get_markersize() == 12]
    assert ring.get_ydata()[0] == 15 and "never reached the loss 0.5 (of 3)" in ax.get_title("left")
    assert "<svg" in to_svg(figure)


def test_measured_and_predicted_rates_are_drawn_and_unknown_ones_left_out():
    _, ax = new_figure()
    found = {
        "stable_rate": np.array([1.0, 0.0, 2.0]),
        "unstable_rate": np.array([4.0, 1.0, np.inf]),
        "lambda_init": np.array([4.0, 8.0, 16.0]),
        "lambda_target": np.full(3, np.nan),
        "factor": np.full(3, 2.0),
    }
    stable_rates({"skip": found}, ax)
    drawn = [sorted(c.get_offsets()[:, 0]) for c in ax.collections]
    assert drawn == [[2.0], [0.125, 0.25, 0.5], []]

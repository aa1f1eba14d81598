"""Best learning rates and speed-ups of steps that are given: medians by hand, censoring, edges, coverage."""

import math
import re

import numpy as np
import pytest

from lsgeo.study import best_speed, speed_up

INF = math.inf
RATES = [0.01, 0.1, 1.0]
PLAIN = np.array([[90.0, 80, INF], [60, 50, 55], [INF, INF, INF]])


def test_the_best_rate_has_the_lowest_median_and_its_interval_is_that_of_the_seeds():
    found = best_speed(RATES, PLAIN, budget=100)
    assert (found.rate, found.steps, found.num_reached, found.at_edge) == (0.1, 55, 3, "")
    # Three of one seed come in 1 of 27 resamples: 95 % reach from the fewest to the most.
    assert (found.lower, found.upper) == (50, 60)
    assert str(found) == "55 steps [50, 60] at learning rate 0.1, 3 of 3 seeds"


def test_a_best_rate_at_the_edge_of_the_grid_is_flagged():
    for order, edge in ((slice(1, None), "lowest"), (slice(None, 2), "highest")):
        found = best_speed(RATES[order], PLAIN[order], budget=100)
        assert found.at_edge == edge and f"{edge} rate of the grid: extend the grid" in str(found)


def test_censored_seeds_stay_in_the_median_and_in_the_interval():
    found = best_speed(RATES[:1], PLAIN[:1], budget=100)
    assert (found.steps, found.lower, found.upper) == (90, 80, INF)
    assert "90 steps [80, over 100]" in str(found) and "1 censored at 100" in str(found)
    most = best_speed([1.0, 2.0], [[INF, INF, 10], [INF, INF, INF]], budget=100)
    assert (most.rate, most.steps, most.num_reached) == (1.0, INF, 1)
    never = best_speed(RATES[2:], PLAIN[2:], budget=100)
    assert math.isnan(never.rate) and str(never) == (
        "never reached in 100 steps by 3 seeds at any rate"
    )


def test_equal_medians_go_to_the_rate_that_more_seeds_reach_then_to_the_faster_one():
    steps = [[10, 20, INF], [10, 20, 90], [10, 20, 80]]
    assert best_speed(RATES, steps, budget=100).rate == 1.0
    assert best_speed(RATES[:2], steps[:2], budget=100).rate == 0.1


def test_a_speed_up_takes_each_at_its_own_best_rate_and_bounds_it_where_one_never_got_there():
    fast = np.array([[50.0, 40, 45], [20, 25, 30], [5, 6, 5]])
    found = speed_up(RATES, PLAIN, fast, budget=100)
    assert (found.ratio, found.bound) == (55 / 5, "")
    assert found.lower >= 50 / 6 and found.upper <= 60 / 5 and found.lower < 11 <= found.upper
    least = speed_up(RATES, PLAIN * INF, fast, budget=100)
    assert (least.ratio, least.upper, least.bound) == (100 / 5, INF, "at least")
    assert least.lower == 100 / 6 and str(least).startswith("at least 20 [16.7, inf]")
    most = speed_up(RATES, PLAIN, fast * INF, budget=100)
    assert (most.ratio, most.lower, most.bound) == (55 / 100, 0, "at most")
    unknown = speed_up(RATES, PLAIN * INF, fast * INF, budget=100)
    assert math.isnan(unknown.ratio) and "neither reached the loss" in str(unknown)
    assert (unknown.lower, unknown.upper) == (0, INF)


def test_where_half_of_the_seeds_got_there_the_bound_holds_for_any_end_of_the_others():
    # The median of 10 and of more than 100 is more than 55, of 300 no less than 5 times the twin's 11.
    found = speed_up([1.0], [[10, INF]], [[5, 5]], budget=100)
    assert (found.ratio, found.bound) == (55 / 5, "at least")
    known = speed_up([1.0], [[10, 101]], [[5, 5]], budget=101)
    assert found.ratio <= known.ratio
    slower = speed_up([1.0], [[5, 5]], [[10, INF]], budget=100)
    assert (slower.ratio, slower.bound) == (5 / 55, "at most")


def test_a_network_against_itself_has_a_speed_up_of_one_without_width():
    # Seeds are pairs: their spread is no uncertainty of a ratio that is one for each.
    found = speed_up(RATES, PLAIN, PLAIN, budget=100)
    assert (found.ratio, found.lower, found.upper) == (1, 1, 1)


def test_one_seed_gives_no_interval():
    found = best_speed(RATES, PLAIN[:, :1], budget=100)
    ratio = speed_up(RATES, PLAIN[:, :1], PLAIN[:, 1:2], budget=100)
    assert (found.steps, found.lower, found.upper) == (60, 0, INF)
    assert (ratio.ratio, ratio.lower, ratio.upper) == (60 / 50, 0, INF)


@pytest.mark.parametrize(("num_seeds", "least"), [(3, 0.71), (5, 0.91)])
def test_intervals_cover_the_median_as_often_as_their_docstring_says(num_seeds, least):
    # 1 - 2^(1 - S) is .75 and .9375; 400 draws scatter by .022 and .012.
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        steps = np.exp(random.normal(4, 0.3, size=(1, num_seeds)))
        found = best_speed([1.0], steps, budget=10_000, num_resamples=300)
        covered += found.lower <= np.exp(4) <= found.upper
    assert least < covered / 400 < least + 0.08


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([[1.0]], "`steps` must have a row of seeds for each of the 3 rates; got (1, 1)."),
        ([[1.0], [np.nan], [2]], "`steps` must be 1 to `budget` 100, or infinite"),
        ([[1.0], [101], [2]], "got 101.0."),
        ([[1.0], [0], [2]], "got 0.0."),
    ],
)
def test_steps_that_can_be_none_are_refused(steps, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        best_speed(RATES, steps, budget=100)


def test_pairs_of_different_length_are_refused():
    with pytest.raises(ValueError, match="must have the same seeds; got 3 and 2"):
        speed_up(RATES, PLAIN, PLAIN[:, :2], budget=100)

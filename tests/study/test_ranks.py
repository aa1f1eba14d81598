"""Numbers that are only bounds: signed ranks against scipy and all sign choices, and what censoring does."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from lsgeo.study import Condition, LogRatio, Sample, rank_effect
from lsgeo.study.decisions.ranks import signed_rank_p

HERE = Condition("MLP", "none", 4, "", ("plain", "residual"))
INF = math.inf


def sample(values, lower=None, upper=None, splits=None):
    splits = range(len(values)) if splits is None else splits
    lower, upper = (np.array(values if x is None else x, float) for x in (lower, upper))
    pairs = tuple((k, split) for k, split in enumerate(splits))
    return Sample(pairs, np.array(values, float), 0, lower, upper)


def raced(without, with_skip, last=300.0):
    """Steps of twins; those that were not there at the last step are bounds."""
    place = {"family": "MLP", "norm": "none", "depth": 4, "reading": ""}
    return [
        {**place, "arm": arm, "seed": k, "split": k, "steps": steps, "steps_bound": steps >= last}
        for arm, side in (("plain", without), ("residual", with_skip))
        for k, steps in enumerate(side)
    ]


def test_without_ties_the_probability_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for count in (3, 5, 8, 12):
        values = rng.normal(0.4, 1, size=count)
        expected = stats.wilcoxon(values, alternative="greater", method="exact").pvalue
        assert signed_rank_p(values) == pytest.approx(expected)


@pytest.mark.parametrize(
    "values", [[INF, INF, 1, -2, 3], [2, 2, -2, 2], [0, 1, -2, 3, INF], [0, 0, 0], [-INF, 1, 1, -1]]
)
def test_with_ties_and_bounds_it_counts_all_choices_of_signs(values):
    values = np.array(values, float)
    ranks, there = stats.rankdata(np.abs(values)), values != 0
    reached = ranks[there & (values > 0)].sum()
    sums = [
        sum(rank for rank, sign in zip(ranks[there], signs, strict=True) if sign)
        for signs in itertools.product((0, 1), repeat=int(there.sum()))
    ]
    assert signed_rank_p(values) == pytest.approx(np.mean(np.array(sums) >= reached))


def test_the_value_is_hodges_and_lehmann_s_and_the_interval_the_one_that_the_test_gives():
    values = [0.3, 1.1, 2.0, 2.4, 3.7, 4.1, 5.9, 6.0]
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    found = rank_effect(sample(values))
    assert found.value == pytest.approx(np.median(means))
    # Of eight, sums of up to 3 come in 5 of 256 cases, .0195; of up to 4 in 7, .027 (table A.4 of Hollander).
    assert (found.lower, found.upper) == (pytest.approx(means[3]), pytest.approx(means[-4]))
    for end, tail in ((found.lower, "greater"), (found.upper, "less")):
        shifted = [np.array(values) - end + move for move in (1e-9, -1e-9)]
        p = [stats.wilcoxon(x, alternative=tail, method="exact").pvalue for x in shifted]
        assert min(p) <= 0.025 < max(p)


def test_a_network_that_never_arrives_is_the_slowest_of_all_and_nothing_is_thrown_away():
    without, with_skip = [300, 300, 300, 300, 250, 300, 280, 300], [20, 30, 25, 300, 40, 35, 22, 28]
    found = LogRatio("steps").sample(raced(without, with_skip), HERE)
    assert (found.num_bounds, found.num_missing) == (7, 0)
    effect = rank_effect(found, threshold=0.1)
    assert (effect.num_pairs, effect.num_positive, effect.test) == (8, 7, "ranks")
    assert effect.p_larger == signed_rank_p(np.array([INF, INF, INF, -0.1, 1.7, INF, 2.4, INF]))
    # Of at most so many times as fast nobody knows, of at least so many the slowest tells.
    assert effect.lower < effect.value < effect.upper == INF
    back = rank_effect(LogRatio("steps").sample(raced(with_skip, without), HERE), threshold=0.1)
    assert (back.lower, back.p_smaller) == (-INF, effect.p_larger)


def test_two_networks_that_never_arrive_are_a_tie_that_says_nothing_for_equality():
    ties = rank_effect(sample([0.0] * 8, [-INF] * 8, [INF] * 8), threshold=1.0)
    assert (ties.value, ties.lower, ties.upper) == (0, -INF, INF)
    assert ties.p_value == 1 and ties.p_inside == 1
    near = np.linspace(-0.1, 0.1, 8)
    assert rank_effect(sample(near), threshold=1.0).p_inside < 0.01
    some = rank_effect(sample(near, [*near[:7], -INF], [*near[:7], INF]), threshold=1.0)
    assert some.p_inside > rank_effect(sample(near), threshold=1.0).p_inside


def test_five_pairs_are_too_few_and_two_have_no_interval():
    five = rank_effect(sample([3.0, 4, 5, 6, 7], upper=[INF] * 5))
    assert five.p_value == 1 / 16 and (five.lower, five.upper) == (-INF, INF)
    two = rank_effect(sample([3.0, 4], upper=[INF] * 2))
    assert (two.p_value, two.num_pairs, two.lower) == (1, 2, -INF)
    assert rank_effect(sample([math.nan])).num_pairs == 0


@pytest.mark.parametrize("cut", [math.inf, 1.5, 1.0])
def test_of_equal_twins_no_more_than_one_of_twenty_differs_however_many_are_only_bounds(cut):
    rng = np.random.default_rng(0)
    studies, wrong = 400, 0
    for _ in range(studies):
        steps = np.minimum(rng.exponential(size=(2, 8)), cut)
        found = LogRatio("steps").sample(raced(*steps, last=cut), HERE)
        wrong += rank_effect(found, threshold=0.0).p_value <= 0.05
    assert wrong <= stats.binom.isf(1e-3, studies, 0.05)


def test_a_planted_speed_up_is_found_through_bounds():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        steps = np.minimum(200 * rng.lognormal(0, 0.3, size=(2, 10)) / [[1.0], [4.0]], 220)
        drawn = LogRatio("steps").sample(raced(*steps, last=220), HERE)
        effect = rank_effect(drawn, threshold=0.1)
        found += effect.p_larger <= 0.005 and effect.lower > 0.1
    assert found >= 45


def test_pairs_of_one_split_are_one_number():
    values = np.array([3.0, 1.0, 2.0, 4.0, 9.0, 5.0])
    alone = rank_effect(sample(values[:3]))
    shared = rank_effect(sample(np.repeat(values[:3], 2), splits=[0, 0, 1, 1, 2, 2]))
    assert shared.p_larger == alone.p_larger == 1 / 8
    assert rank_effect(sample(np.repeat(values[:3], 2))).p_larger == 1 / 64

"""Effects against their definition, their nominal coverage, and Student's and the sign test of scipy."""

import math
import re

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from lsgeo.study import effect, holm, seeds_needed, simes

VALUES = [0.7, 0.2, 0.9, 0.4, 0.55]


def test_an_effect_is_the_mean_with_its_signs_counted():
    found = effect([math.log(2), math.log(4), 0.0])
    np.testing.assert_allclose(found.value, math.log(8) / 3)
    assert found.lower <= found.value <= found.upper
    assert (found.num_pairs, found.num_positive) == (3, 2)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.6, 2.0])
def test_probabilities_are_those_of_the_tests_of_scipy(threshold):
    found = effect(VALUES, threshold=threshold)
    above, below = (
        lambda mean, side=side: stats.ttest_1samp(VALUES, mean, alternative=side).pvalue
        for side in ("greater", "less")
    )
    np.testing.assert_allclose(found.p_larger, above(threshold))
    np.testing.assert_allclose(found.p_smaller, below(-threshold))
    np.testing.assert_allclose(found.p_inside, max(below(threshold), above(-threshold)))
    smallest = min(found.p_larger, found.p_smaller, found.p_inside)
    assert found.p_value == min(1.0, 2 * smallest)


def test_the_sign_test_is_that_of_scipy_and_leaves_zeros_out():
    for values in ([1.0, 2, 3, -1, 0], [1.0, 1, 2, 3, 4], [-1.0, -2, 1, -3, -3, -2]):
        signs = np.sign(values)
        expected = stats.binomtest(int(np.sum(signs > 0)), int(np.sum(signs != 0))).pvalue
        np.testing.assert_allclose(effect(values).sign_p, expected)
    assert effect([0.0, 0.0, 0.0]).sign_p == 1


@pytest.mark.parametrize("num_seeds", [3, 5, 8])
def test_intervals_cover_as_often_as_they_say(num_seeds):
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((1000, num_seeds)) + 0.7
    found = [effect(values, num_resamples=500) for values in draws]
    hits = sum(e.lower <= 0.7 <= e.upper for e in found)
    # 950 nominal with a standard error of 7; the plain percentile bootstrap has about 830 at five.
    assert 930 <= hits <= 985


def test_interval_and_probability_agree_on_which_side_of_a_threshold_a_mean_lies():
    rng = np.random.default_rng(1)
    decided = 0
    for scale in np.geomspace(0.01, 1, 300):
        values = rng.normal(rng.choice([-1, 0, 0.2, 1]), scale, size=5)
        found = effect(values, threshold=0.3, num_resamples=500)
        outside = found.lower > 0.3 or found.upper < -0.3
        inside = -0.3 < found.lower and found.upper < 0.3
        # The interval is Student's or wider, so that it never says more than the probability.
        if outside or inside:
            assert found.p_value <= 0.05
            decided += 1
    assert decided > 100


def test_swapping_the_twins_turns_the_sign():
    forth, back = effect(VALUES, threshold=0.1), effect(np.negative(VALUES), threshold=0.1)
    np.testing.assert_allclose([forth.lower, forth.upper], [-back.upper, -back.lower], rtol=1e-12)
    np.testing.assert_allclose([forth.p_larger, forth.p_inside], [back.p_smaller, back.p_inside])


def test_numbers_that_are_not_there_are_left_out_and_two_give_no_interval():
    found = effect([2.0, math.nan, 4.0, math.inf])
    assert (found.value, found.num_pairs, found.p_value) == (3.0, 2, 1.0)
    assert (found.lower, found.upper) == (-math.inf, math.inf)
    nothing = effect([math.nan])
    assert math.isnan(nothing.value) and (nothing.num_pairs, nothing.p_value) == (0, 1.0)
    assert effect([]).num_pairs == 0


def test_equal_numbers_are_known_no_better_than_as_many_equal_signs():
    same = effect([0.1] * 5, threshold=0.1)  # 0.1 summed five times is not 0.5
    assert same.value == 0.1 and (same.p_larger, same.p_inside, same.p_value) == (1, 1, 1)
    assert effect([0.2] * 5, threshold=0.1).p_larger == 1 / 32
    assert effect([0.0] * 5, threshold=0.1).p_inside == 1 / 32
    # Five equal signs come in one of 16 cases, six in one of 32: only that is beyond 95 %.
    assert (same.lower, same.upper, same.test) == (-math.inf, math.inf, "signs")
    six = effect([0.2] * 6, threshold=0.1)
    assert (six.lower, six.upper, six.p_value) == (0.2, 0.2, 1 / 32)
    # So are numbers that are equal up to rounding, and those of one split count once.
    assert effect(1 + 1e-15 * np.arange(5), threshold=0.1).p_larger == 1 / 32
    pairs = [(seed, seed % 3) for seed in range(9)]
    assert effect([0.2] * 9, threshold=0.1, pairs=pairs).p_larger == 1 / 8


def test_holm_steps_down():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    several = np.random.default_rng(0).random(30) ** 4
    np.testing.assert_allclose(holm(several), multipletests(several, method="holm")[1])
    assert len(holm([])) == 0


def test_simes_gathers_weak_evidence_and_counts_tests_that_could_not_be_made():
    np.testing.assert_allclose(simes([0.03, 0.01, 0.02]), 0.03)
    np.testing.assert_allclose(simes([0.01, math.nan, 0.9, 1.0]), 0.04)
    assert simes([]) == 1
    uniform = np.random.default_rng(0).random((4000, 6))
    share = np.mean([simes(p) <= 0.1 for p in uniform])
    assert abs(share - 0.1) < 0.02  # exact for independent tests; 4 standard errors are .019


@pytest.mark.parametrize(("mean", "threshold"), [(1.0, 0.1), (-1.0, 0.1), (0.1, 1.0), (0.0, 1.0)])
def test_so_many_seeds_decide_in_so_many_cases_and_fewer_do_not(mean, threshold):
    pattern = np.array([-1.0, 1, -1, 1, 0])
    values = mean + pattern / pattern.std(ddof=1)  # of exactly this mean, and spread 1
    count = seeds_needed(values, threshold, alpha=0.05, power=0.8).likely
    rng = np.random.default_rng(0)
    shares = []
    for seeds in (count, count // 2 + 1):
        draws = rng.normal(mean, 1, size=(4000, seeds))
        half = stats.t.ppf(0.975, seeds - 1) * draws.std(axis=1, ddof=1) / math.sqrt(seeds)
        middle = draws.mean(axis=1)
        decided = (
            np.abs(middle) + half < threshold
            if abs(mean) < threshold
            else np.sign(mean) * middle - half > threshold
        )
        shares.append(np.mean(decided))
    assert 0.78 < shares[0] < 0.88 and shares[1] < 0.75


def test_seeds_cannot_be_told_from_two_nor_at_the_threshold_nor_beyond_a_thousand():
    assert seeds_needed([1.0, 2.0, math.nan], 0.1) is None
    assert seeds_needed([0.1, 0.1, 0.1], 0.1).low == math.inf
    assert seeds_needed([-5.0, 5.1, 0.0], 0.1).likely == math.inf
    same = seeds_needed([1.0, 1.0, 1.0], 0.1)
    assert (same.low, same.likely, same.high) == (4, 4, 4)
    few, many = (seeds_needed(VALUES, 0.1, alpha=alpha).likely for alpha in (0.05, 0.05 / 20))
    assert few == 6 < many


def test_the_range_of_seeds_needed_holds_what_is_needed_in_about_four_of_five_cases():
    rng = np.random.default_rng(0)
    # What is needed in truth: as from a sample of exactly this mean and spread.
    pattern = np.array([-1.0, 1, -1, 1, 0])
    true = seeds_needed(0.8 + pattern / pattern.std(ddof=1), 0.1).likely
    found = [seeds_needed(rng.normal(0.8, 1, size=5), 0.1) for _ in range(300)]
    held = np.mean([n.low <= true <= n.high for n in found])
    assert 0.7 < held < 0.95
    assert all(n.low <= n.likely <= n.high for n in found)
    assert np.mean([n.low < n.high for n in found]) > 0.9


def test_ranks_need_as_many_seeds_as_equal_signs_take_to_reach_the_level():
    for alpha, fewest in ((0.05, 6), (0.05 / 18, 10)):
        found = seeds_needed([3.0, 3.1, 2.9, 3.0, 3.05], 0.1, by_signs=True, alpha=alpha)
        assert (found.low, found.high) == (fewest, fewest) and 2 * 0.5**fewest <= alpha


def test_pairs_of_one_split_are_needed_as_splits_of_so_many():
    pairs = [(seed, seed % 5) for seed in range(10)]
    values = np.repeat(VALUES, 2)[
        np.argsort([split for _, split in pairs], kind="stable").argsort()
    ]
    alone, together = seeds_needed(VALUES, 0.3), seeds_needed(values, 0.3, pairs=pairs)
    assert (together.low, together.likely) == (2 * alone.low, 2 * alone.likely)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -0.1}, "`threshold` must be 0 or more; got -0.1."),
        ({"threshold": math.nan}, "`threshold` must be 0 or more; got nan."),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1; got 95."),
    ],
)
def test_bad_arguments_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        effect(VALUES, **options)

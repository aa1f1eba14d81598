"""Rank correlations over arms, against orders that are known."""

import numpy as np
import pytest
from scipy import stats

from lsgeo import study
from lsgeo.study import RankCorrelation
from lsgeo.study.contrasts import ArmCorrelation

ARMS = ("plain", "residual", "scaled", "identity-biased", "learnable")
CONDITION = study.Condition("mlp", "layer", 16, "matched", ("plain", "residual"))


def rows(ys, xs=range(5), seed=0, **changes):
    place = {"family": "mlp", "norm": "layer", "depth": 16, "reading": "matched", "seed": seed}
    return [
        {**place, "arm": arm, "x": x, "y": y, **changes}
        for arm, x, y in zip(ARMS, xs, ys, strict=True)
    ]


def value(found, **fields):
    sample = RankCorrelation("x", "y", ARMS, **fields).sample(found, CONDITION)
    (number,) = sample.values
    return number


def test_an_order_kept_is_one_an_order_reversed_is_minus_one_whatever_the_numbers():
    assert value(rows(np.exp([0, 9, 10, 30, 31]))) == pytest.approx(1)
    assert value(rows([5, 4, 3, -1, -2e9])) == pytest.approx(-1)
    assert value(rows([5, 4, 3, -1, -2e9]), least=0.5) == pytest.approx(-1.5)


def test_a_shuffled_order_has_spearmans_closed_form_and_ties_take_mean_ranks():
    # 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 1, 1, 0, 1, 1
    assert value(rows([2, 1, 3, 5, 4])) == pytest.approx(1 - 6 * 4 / (5 * 24))
    ranks = np.array([1.5, 1.5, 3, 4, 5])
    assert value(rows([7, 7, 8, 9, 10])) == pytest.approx(np.corrcoef(ranks, range(5))[0, 1])


def test_each_seed_has_its_own_and_what_seeds_have_in_common_does_not_count():
    # Seeds lie far apart in both columns; within each, the order is reversed.
    found = [
        row
        for seed in range(4)
        for row in rows(
            [100 * seed - i for i in range(5)], [100 * seed + i for i in range(5)], seed
        )
    ]
    sample = RankCorrelation("x", "y", ARMS).sample(found, CONDITION)
    assert sample.seeds == (0, 1, 2, 3)
    np.testing.assert_allclose(sample.values, -1)


def test_other_conditions_and_other_arms_do_not_count():
    right = rows([1, 2, 3, 4, 5])
    wrong = [4, 3, 2, 1, 0]
    others = [
        *rows(wrong, depth=8),
        *rows(wrong, norm="none"),
        *rows(wrong, family="vit"),
        *rows(wrong, reading="end"),
        *rows([-5] * 5, [99] * 5, arm="halved"),
    ]
    assert value([*others, *right, *others]) == pytest.approx(1)


def test_missing_numbers_and_columns_that_do_not_vary_leave_too_little():
    nan = np.nan
    assert value(rows([1, 2, 3, 4, nan])) == pytest.approx(1)
    assert value(rows([1, 2, np.inf, 4, nan])) == pytest.approx(0.8)
    assert np.isnan(value(rows([1, 2, 3, nan, nan])))
    assert np.isnan(value(rows([1, 1, 1, 1, 1])))
    assert np.isnan(value(rows([1, 2, 3, 4, 5], [0.0] * 5)))
    missing = [{k: v for k, v in row.items() if k != "y"} for row in rows(range(5))]
    assert np.isnan(value(missing))


def test_bounds_are_counted_and_come_last():
    found = rows([1, 2, 3, 4, 0], [0.0, 1.0, 2.0, 3.0, 4.0])
    found[-1]["y_bound"] = True  # Beyond all others, however small.
    sample = RankCorrelation("x", "y", ARMS).sample(found, CONDITION)
    assert sample.num_bounds == 1 and sample.values[0] == pytest.approx(1)


def test_too_few_arms_are_refused():
    with pytest.raises(ValueError, match="`arms` must name at least 4"):
        RankCorrelation("x", "y", ARMS[:3])
    with pytest.raises(ValueError, match="`least`"):
        RankCorrelation("x", "y", ARMS, least=1.0)


@pytest.mark.parametrize(
    "order, decision", [(range(8), "supported"), (range(8, 0, -1), "contradicted")]
)
def test_the_skip_types_claim_follows_the_order_of_the_errors(order, decision):
    claim = next(claim for claim in study.CLAIMS if claim.name == "C11")
    hypothesis = claim.hypotheses[0]
    arms = hypothesis.contrast.arms
    rng = np.random.default_rng(1)
    found = [
        {
            "family": "mlp",
            "norm": "layer",
            "depth": 16,
            "reading": "matched",
            "arm": arm,
            "seed": seed,
            "shortcut_deviation": i / 8,
            "test_error": 0.1 + 0.01 * place + 0.001 * rng.standard_normal(),
            "lambda_max": 1.0,
        }
        for seed in range(8)  # all of one order: so many equal signs
        for i, (arm, place) in enumerate(zip(arms, order, strict=True))
    ]
    columns = frozenset(hypothesis.contrast.columns)
    design = study.Design("mlp", "mlp", "layer", (16,), arms, columns)
    primary = study.decide([claim], found, [design])[0]
    assert primary.decision == decision
    assert primary.primary.sample.values.mean() == pytest.approx(
        0.5 if decision == "supported" else -1.5
    )


def over_arms(found, **fields):
    return ArmCorrelation("x", "y", ARMS, **fields).sample(found, CONDITION)


def test_over_arms_the_numbers_are_the_jackknifes_by_hand_one_for_each_arm():
    found = over_arms(rows([2, 1, 3, 5, 4]))
    assert found.pairs == tuple((i, 0) for i in range(5))
    # Of all r = 0.8; without an arm, 1 - 6 sum d^2 / (4 * 15) of the orders that are left.
    without = [1 - 6 * 2 / 60, 1 - 6 * 2 / 60, 1 - 6 * 4 / 60, 1 - 6 * 2 / 60, 1 - 6 * 2 / 60]
    np.testing.assert_allclose(found.values, 5 * 0.8 - 4 * np.array(without))
    least = over_arms(rows([2, 1, 3, 5, 4]), least=0.5)
    np.testing.assert_allclose(least.values, found.values - 0.5)


def test_over_arms_more_seeds_and_depths_of_the_same_arms_are_no_more_numbers():
    once = over_arms(rows([2, 1, 3, 5, 4]))
    more = [
        row
        for seed in range(6)
        for depth in (4, 16)
        for row in rows(
            [2 + 10 * depth + seed + y for y in (2, 1, 3, 5, 4)], seed=seed, depth=depth
        )
    ]
    np.testing.assert_allclose(over_arms(more).values, once.values)


def test_over_arms_what_depths_have_in_common_does_not_count():
    # Deeper networks have more of both; at each depth the order is reversed.
    found = [
        row
        for depth in (4, 8, 16)
        for row in rows(
            [100 * depth - i for i in range(5)], [100 * depth + i for i in range(5)], depth=depth
        )
    ]
    np.testing.assert_allclose(over_arms(found).values, -1)


def test_over_arms_an_interval_of_unrelated_columns_covers_nothing_at_its_level():
    # Arms that differ in unrelated ways, the same in each seed: seeds as units would call that significant.
    rng = np.random.default_rng(0)
    names = tuple(f"arm{i}" for i in range(12))
    contrast, hits = ArmCorrelation("x", "y", names), 0
    for _ in range(200):
        x, y = rng.normal(size=(2, 12))
        place = rows([0] * 5)[0]
        found = [
            {
                **place,
                **{"arm": name, "seed": seed},
                **{"x": a + 0.1 * rng.normal(), "y": b + 0.1 * rng.normal()},
            }
            for seed in range(3)
            for name, a, b in zip(names, x, y, strict=True)
        ]
        values = contrast.sample(found, CONDITION).values
        hits += abs(stats.ttest_1samp(values, 0).statistic) > stats.t.ppf(0.975, 11)
    # At most 1 in 1000 chances above a level of 7 %.
    assert hits <= stats.binom.isf(1e-3, 200, 0.07)


def test_over_few_arms_or_equal_numbers_there_is_none():
    few = [row for row in rows([1, 2, 3, 4, 5]) if row["arm"] != "plain"]
    assert np.isnan(over_arms(few).values).all() and over_arms([]).pairs == ()
    assert np.isnan(over_arms(rows([1] * 5)).values).all()

"""Pairs that share data splits or seeds: errors against closed forms, analyses of variance and simulations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from lsgeo.study import Claim, Design, Hypothesis, LogRatio, decide, effect
from lsgeo.study.decisions.statistics import standard_error

NUM_STUDIES = 400
# A true rate of 5 % goes beyond this in one of 1000 runs of a test.
MOST = stats.binom.isf(1e-3, NUM_STUDIES, 0.05)


def nested(num_splits, each):
    """Pair k has seed k and split k % num_splits, as a study numbers them."""
    return [(k, k % num_splits) for k in range(num_splits * each)]


def crossed(num_seeds, num_splits):
    return [(seed, split) for seed in range(num_seeds) for split in range(num_splits)]


def draws(rng, pairs, *, of_split, of_seed=0.0, noise=1.0):
    seeds, splits = np.array(pairs).T
    moved = of_split * rng.standard_normal(max(splits) + 1)[splits]
    return (
        moved
        + of_seed * rng.standard_normal(max(seeds) + 1)[seeds]
        + noise * rng.standard_normal(len(pairs))
    )


def test_without_several_pairs_in_a_split_the_error_is_student_s():
    values = np.array([0.7, 0.2, 0.9, 0.4, 0.55])
    expected = float(stats.sem(values)), 4.0
    for pairs in (None, [(k, 0) for k in range(5)], [(k, k) for k in range(5)]):
        assert standard_error(values, pairs) == pytest.approx(expected)
    assert effect(values, pairs=[(k, k) for k in range(5)]) == effect(values)


def test_of_splits_with_as_many_pairs_each_it_is_the_mean_square_between_them():
    values = draws(np.random.default_rng(1), nested(4, 3), of_split=2.0)
    splits = np.arange(12) % 4
    table = anova_lm(ols("y ~ C(x)", pd.DataFrame({"y": values, "x": splits})).fit())
    error, degrees = standard_error(values, nested(4, 3))
    assert degrees == 3
    assert error**2 == pytest.approx(table.mean_sq["C(x)"] / 12)
    # It is the error of the splits' means.
    means = [values[splits == s].mean() for s in range(4)]
    assert error == pytest.approx(float(stats.sem(means)))


def test_where_seeds_are_crossed_with_splits_both_add_their_error():
    pairs = crossed(5, 3)
    values = draws(np.random.default_rng(0), pairs, of_split=1.0, of_seed=2.0)
    seeds, splits = np.array(pairs).T
    data = pd.DataFrame({"y": values, "a": seeds, "b": splits})
    table = anova_lm(ols("y ~ C(a) + C(b)", data).fit())
    squares = [table.mean_sq["C(a)"] / 15, table.mean_sq["C(b)"] / 15]
    error, degrees = standard_error(values, pairs)
    assert error**2 == pytest.approx(sum(squares))
    assert degrees == pytest.approx(sum(squares) ** 2 / (squares[0] ** 2 / 4 + squares[1] ** 2 / 2))


@pytest.mark.parametrize(
    ("pairs", "of_seed"),
    [
        (nested(3, 4), 0.0),
        (nested(5, 2), 0.0),
        (nested(4, 3)[:-3], 0.0),  # not as many in each
        (nested(6, 2) + [(k, 0) for k in range(20, 26)], 0.0),
        (crossed(4, 3), 1.0),
        (crossed(5, 5), 3.0),
        (crossed(5, 3)[:-4], 1.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("of_split", [0.0, 1.0, 5.0])
def test_of_pairs_that_share_splits_no_more_than_one_of_twenty_finds_what_is_not_there(
    pairs, of_seed, of_split
):
    rng = np.random.default_rng(0)
    wrong = naive = 0
    for _ in range(NUM_STUDIES):
        values = draws(rng, pairs, of_split=of_split, of_seed=of_seed)
        wrong += effect(values, pairs=pairs, num_resamples=99).p_value <= 0.05
        naive += effect(values, num_resamples=99).p_value <= 0.05
    assert wrong <= MOST
    # As if they were independent they would find much: the splits are what decides.
    assert naive > 2 * MOST or of_split < 5


def test_an_effect_over_splits_is_found_all_the_same():
    rng = np.random.default_rng(0)
    found = [
        effect(2.0 + draws(rng, nested(6, 2), of_split=0.7), pairs=nested(6, 2), num_resamples=99)
        for _ in range(100)
    ]
    assert np.mean([e.p_larger <= 0.025 for e in found]) > 0.9
    assert np.mean([e.lower <= 2.0 <= e.upper for e in found]) > 0.9


def test_as_many_pairs_as_numbers_are_asked_for():
    with pytest.raises(ValueError, match="`pairs` must be as many as `values`; got 1 and 3"):
        effect([1.0, 2.0, 3.0], pairs=[(0, 0)])


def test_a_study_whose_splits_disagree_says_nothing_of_their_mean_and_one_whose_do_not_does():
    place = {"family": "MLP", "norm": "none", "depth": 4, "reading": "matched"}
    tested = Hypothesis("T1a", "", LogRatio("lambda_max"), "", "")
    design = Design("MLP", "mlp", "none", (4,), ("plain", "residual"), frozenset({"lambda_max"}))
    rng = np.random.default_rng(0)
    for of_splits, decision in (((3.0, 0.2, 1.0), "undecided"), ((1.5, 1.4, 1.3), "supported")):
        rows = [
            {**place, "arm": arm, "seed": k, "split": k % 3}
            | {"lambda_max": np.exp((arm == "plain") * of_splits[k % 3] + 0.05 * rng.normal())}
            for k in range(30)
            for arm in design.arms
        ]
        found = decide([Claim("T1", "", "", (tested,), "", "")], rows, [design])[0]
        assert (found.primary.effect.degrees, found.decision) == (2, decision)

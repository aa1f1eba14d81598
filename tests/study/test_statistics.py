"""Paired effects against their definition and their nominal coverage."""

import math

import numpy as np
import pytest

from lsgeo.study import CLAIMS, decide, paired_effect


def test_effect_is_the_mean_log_ratio_of_pairs():
    effect = paired_effect([2.0, 8.0, 4.0], [1.0, 2.0, 4.0])
    np.testing.assert_allclose(effect.value, (math.log(2) + math.log(4) + 0) / 3)
    assert effect.lower <= effect.value <= effect.upper
    assert (effect.num_pairs, effect.num_positive) == (3, 2)


def test_intervals_over_five_seeds_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        logs = rng.standard_normal(5) + 0.7
        effect = paired_effect(np.exp(logs), np.ones(5), num_resamples=2000, seed=trial)
        hits += effect.lower <= 0.7 <= effect.upper
    # 285 nominal with a standard error of 4; the plain percentile bootstrap has about 249.
    assert 277 <= hits <= 297


def test_pairs_that_were_not_measured_are_left_out_and_two_give_no_interval():
    effect = paired_effect([2.0, math.nan, 2.0], [1.0, 1.0, math.nan])
    assert effect.num_pairs == 1
    assert (effect.lower, effect.upper) == (-math.inf, math.inf)
    assert math.isnan(paired_effect([math.nan], [1.0]).value)


def test_zeros_enter_through_the_resolution_of_the_instrument():
    effect = paired_effect([0.0, 0.0, 0.0], [0.1, 0.1, 0.1], floor=0.1)
    np.testing.assert_allclose(effect.value, math.log(0.5))
    assert paired_effect([0.0], [1.0]).num_pairs == 0


def test_swapping_the_twins_turns_the_sign():
    a, b = [1.0, 2.0, 5.0, 3.0], [2.0, 2.5, 1.0, 9.0]
    forth, back = paired_effect(a, b), paired_effect(b, a)
    np.testing.assert_allclose(forth.value, -back.value)
    np.testing.assert_allclose([forth.lower, forth.upper], [-back.upper, -back.lower], atol=0.15)


def test_negative_metrics_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        paired_effect([-1.0], [1.0])
    with pytest.raises(ValueError, match="equal length"):
        paired_effect([1.0, 2.0], [1.0])


def _rows(plain, skip, **more):
    rows = []
    for arm, values in (("plain", plain), ("residual", skip), ("scaled", plain)):
        for seed, value in enumerate(values):
            row = {"family": "MLP", "depth": 4, "arm": arm, "seed": seed, "checkpoint": "matched"}
            rows.append({**row, "lambda_max": value, **more})
    return rows


@pytest.mark.parametrize(
    ("plain", "skip", "decision"),
    [
        ([8.0, 9.0, 10.0, 8.5, 9.5], [1.0, 1.1, 0.9, 1.0, 1.0], "supported"),
        ([1.0, 1.1, 0.9, 1.0, 1.0], [8.0, 9.0, 10.0, 8.5, 9.5], "contradicted"),
        ([1.0, 2.0, 0.5, 1.0, 1.0], [1.0, 1.0, 1.0, 1.1, 0.9], "undecided"),
        ([1.01, 1.0, 1.02, 1.01, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0], "undecided"),
    ],
)
def test_verdict_needs_the_whole_interval_beyond_the_threshold(plain, skip, decision):
    claim = next(claim for claim in CLAIMS if claim.metric == "lambda_max")
    verdict = decide(claim, _rows(plain, skip), family="MLP", depth=4, threshold=0.1)
    assert verdict.decision == decision
    assert verdict.num_missing == 0
    within = plain[0] == 1.01  # the one case whose interval lies between the thresholds
    assert ("any effect is smaller than the threshold" in verdict.note) == within


def test_a_claim_is_decided_between_the_two_arms_that_are_named_and_the_note_names_the_other():
    claim = next(claim for claim in CLAIMS if claim.metric == "lambda_max")
    rows = _rows([8.0, 9.0, 10.0], [1.0, 1.1, 0.9])
    options = {"family": "MLP", "depth": 4, "threshold": 0.1}
    verdict = decide(claim, rows, arms=("plain", "scaled"), **options)
    assert (verdict.effect.value, verdict.effect.num_pairs) == (0.0, 3)
    assert "0 of 3 seeds larger without skips than with scaled skips" in verdict.note
    assert "3 of 3 seeds larger without skips;" in f"{decide(claim, rows, **options).note};"


def test_a_network_that_never_reached_the_loss_is_counted_as_missing():
    claim = next(claim for claim in CLAIMS if claim.metric == "lambda_max")
    rows = _rows([8.0, 9.0, 10.0], [1.0, 1.1, 0.9, 1.0])
    verdict = decide(claim, rows, family="MLP", depth=4, threshold=0.1)
    assert verdict.num_missing == 1
    assert "1 pairs not measured" in verdict.note


def test_steps_that_are_only_bounds_are_marked_and_two_bounds_make_no_ratio():
    claim = next(claim for claim in CLAIMS if claim.metric == "steps")
    rows = [
        {
            "family": "MLP",
            "depth": 4,
            "arm": arm,
            "seed": seed,
            "checkpoint": "",
            "steps": steps,
            "censored": cut,
        }
        for arm, seed, steps, cut in [
            ("plain", 0, 300, True),
            ("plain", 1, 300, True),
            ("residual", 0, 30, False),
            ("residual", 1, 300, True),
            ("scaled", 0, 300, True),
        ]
    ]
    verdict = decide(claim, rows, family="MLP", depth=4, threshold=0.1)
    assert verdict.effect.num_pairs == 1
    assert verdict.num_bounds == 3
    np.testing.assert_allclose(verdict.effect.value, math.log(10))


@pytest.mark.parametrize(("plain_open", "skip_open"), [(0.5, 0.1), (0.1, 0.5)])
def test_both_twins_get_the_larger_of_their_two_resolutions(plain_open, skip_open):
    claim = next(claim for claim in CLAIMS if claim.metric == "negative_fraction")
    rows = [
        {
            "family": "MLP",
            "depth": 4,
            "arm": arm,
            "seed": seed,
            "checkpoint": "matched",
            "negative_fraction": value,
            "negative_fraction_open": width,
        }
        for arm, value, width in [("plain", 0.4, plain_open), ("residual", 0.1, skip_open)]
        for seed in range(3)
    ]
    verdict = decide(claim, rows, family="MLP", depth=4, threshold=0.1)
    np.testing.assert_allclose(verdict.effect.value, math.log(0.9 / 0.6))

"""What decides nothing: planted floors, ceilings, ties, and curvatures that a learning rate holds."""

import itertools
import math

import numpy as np
import pytest

from lsgeo.study import (
    Claim,
    DepthGrowth,
    Design,
    Difference,
    Hypothesis,
    LogRatio,
    RankCorrelation,
    Smallest,
    decide,
)

SEEDS = range(10)
DEPTHS = (4, 16)


def hypothesis(contrast, name="T1a", **options):
    return Hypothesis(name, "", contrast, "", "", **options)


def rows_of(column, numbers, *, depth=16, reading="matched", **more):
    """Rows of {arm: one number for each seed, or one for all}."""
    return [
        {"family": "MLP", "norm": "none", "depth": depth, "reading": reading, "arm": arm}
        | {"seed": k, "split": k, column: float(value)}
        | {name: values.get(arm) for name, values in more.items()}
        for arm, values in numbers.items()
        for k, value in zip(SEEDS, np.broadcast_to(values, len(SEEDS)), strict=True)
    ]


def decided(rows, *hypotheses, depths=(16,), arms=("plain", "residual")):
    columns = frozenset(name for h in hypotheses for name in h.contrast.columns)
    design = Design("MLP", "mlp", "none", depths, arms, columns)
    return decide([Claim("T1", "", "", hypotheses, "", "")], rows, [design], num_resamples=199)


def noise(seed, scale):
    return scale * np.random.default_rng(seed).standard_normal(len(SEEDS))


def test_two_arms_without_any_such_point_are_a_tie_that_decides_nothing():
    # C1a at small depths: 0 of 676 points in every plane of both arms, which once was p = 0.
    rows = rows_of("non_convex_fraction", {"plain": 0.0, "residual": 0.0})
    for row in rows:
        row["surface_resolution"] = 0.0015
    tested = hypothesis(LogRatio("non_convex_fraction", resolution="surface_resolution"))
    found = decided(rows, tested)[0]
    assert (found.decision, found.primary.decision, found.primary.no_room) == (
        *("no room", "no room", "tie"),
    )
    assert found.primary.effect.p_value == 1 and found.seeds_needed is None


@pytest.mark.parametrize(
    ("column", "plain", "skip", "why"),
    [
        ("zero_fraction", 0.985, 0.965, "ceiling"),  # C2a: a wholly degenerate twin is no further
        ("zero_fraction", 0.03, 0.031, ""),
        ("test_error", 0.004, 0.006, "floor"),
        ("test_error", 0.2, 0.2003, ""),
        ("curve_barrier", 0.001, 0.03, "floor"),
        ("probe_half", 0.995, 0.997, "ceiling"),
        ("curve_barrier", 0.001, 0.3, ""),  # one arm alone is at the floor: that is an effect
    ],
)
def test_where_both_arms_are_at_an_end_of_the_scale_there_is_no_room(column, plain, skip, why):
    ratio = column == "zero_fraction"
    numbers = {"plain": plain + noise(0, 2e-4), "residual": skip + noise(1, 2e-4)}
    contrast = LogRatio(column) if ratio else Difference(column, larger="with")
    found = decided(rows_of(column, numbers), hypothesis(contrast))[0]
    assert found.primary.no_room == why
    assert (found.decision == "no room") == bool(why)


def test_growth_with_depth_needs_room_at_both_depths():
    # C1b: at the largest depth all points of both arms curve downwards.
    tested = hypothesis(DepthGrowth(LogRatio("non_convex_fraction")))
    for plain, why in ((0.99, "ceiling"), (0.8, "")):
        deep = {"plain": plain + noise(0, 1e-3), "residual": 0.985 + noise(1, 1e-3)}
        flat = {"plain": 0.3 + noise(2, 1e-3), "residual": 0.2 + noise(3, 1e-3)}
        rows = rows_of("non_convex_fraction", deep)
        rows += rows_of("non_convex_fraction", flat, depth=4)
        assert decided(rows, tested, depths=DEPTHS)[0].primary.no_room == why


def test_twins_that_train_alike_step_for_step_are_no_result():
    # C7a: equal by construction, so that no number of seeds would show anything.
    rates = np.random.default_rng(0).integers(0, 5, len(SEEDS)) / 4
    tested = hypothesis(Difference("escape_rate", larger="with"))
    found = decided(rows_of("escape_rate", {"plain": rates, "residual": rates}), tested)[0]
    assert (found.decision, found.primary.no_room) == ("no room", "tie")
    moved = rates.copy()
    moved[0] += 0.25
    found = decided(rows_of("escape_rate", {"plain": rates, "residual": moved}), tested)[0]
    assert found.primary.no_room == "" and found.primary.effect.p_value < 0.05


def test_too_few_pairs_are_undecided_also_at_a_floor():
    rows = [
        row for row in rows_of("test_error", {"plain": 0.0, "residual": 0.0}) if row["seed"] < 2
    ]
    assert decided(rows, hypothesis(Difference("test_error")))[0].decision == "undecided"


def held(shares, *, ratio=4.0, reading="matched", column="lambda_max"):
    """Twins whose metric differs, at these shares of the optimiser's limit."""
    numbers = {
        arm: size * np.exp(noise(i, 0.05))
        for i, (arm, size) in enumerate((("plain", ratio), ("residual", 1.0)))
    }
    share = dict(zip(("plain", "residual"), shares, strict=True))
    return rows_of(column, numbers, reading=reading, limit_share=share)


def test_a_difference_that_two_learning_rates_made_is_bound_and_never_supported():
    # At the edge of stability lambda_max is 2 / rate whatever the network: both arms hang there, and the
    # "effect" is the ratio of their rates, 3e-4 and 1e-3.
    rates = {"plain": 3e-4, "residual": 1e-3}
    numbers = {arm: 0.97 * 2 / rate * np.exp(noise(0, 0.01)) for arm, rate in rates.items()}
    rows = rows_of("lambda_max", numbers, limit_share={"plain": 0.97, "residual": 0.97})
    found = decided(rows, hypothesis(LogRatio("lambda_max")))[0]
    assert (found.decision, found.primary.decision) == ("bound", "bound")
    assert found.primary.effect.lower > math.log(1.25) and found.limit_share == 0.97
    # At one rate both are alike: no proof of "no difference" either.
    alike = {arm: 1940 * np.exp(noise(i, 0.01)) for i, arm in enumerate(rates)}
    rows = rows_of("lambda_max", alike, limit_share={"plain": 0.97, "residual": 0.97})
    assert decided(rows, hypothesis(LogRatio("lambda_max")))[0].decision == "bound"


@pytest.mark.parametrize(
    ("shares", "options", "decision"),
    [
        ((0.29, 0.01), {}, "supported"),
        ((0.3, 0.01), {}, "bound"),
        ((0.01, 0.5), {}, "bound"),
        ((0.5, math.nan), {"ratio": 0.25}, "bound"),
        ((math.nan, math.nan), {}, "supported"),
        ((2.9, 2.9), {"reading": "init"}, "supported"),  # no rate has made the start
        ((0.9, 0.9), {"column": "stable_rate", "reading": "init"}, "supported"),
        ((0.9, 0.9), {"column": "steps"}, "supported"),  # no curvature
        ((0.9, 0.9), {"ratio": 1.25}, "undecided"),
    ],
)
def test_a_curvature_at_a_trained_point_counts_below_three_tenths_of_the_limit(
    shares, options, decision
):
    contrast = LogRatio(options.get("column", "lambda_max"))
    tested = hypothesis(contrast, readings=(options.get("reading", "matched"),))
    found = decided(held(shares, **options), tested)[0]
    assert found.primary.decision == found.decision == decision
    np.testing.assert_equal(found.primary.limit_share, np.fmax(*shares))


def test_a_correlation_with_a_curvature_is_bound_by_any_of_its_networks():
    arms = ("plain", "residual", "scaled", "halved", "rezero")
    tested = hypothesis(
        RankCorrelation("lambda_max", "error_gap", arms), threshold=Smallest(0.2, "planted")
    )
    for share, decision in ((0.2, "supported"), (0.6, "bound")):
        sizes = {arm: (i + 1) * np.exp(noise(i, 0.3)) for i, arm in enumerate(arms)}
        rows = rows_of("lambda_max", sizes, limit_share={arms[-1]: share})
        for row, k in zip(rows, itertools.count()):
            row["error_gap"] = row["lambda_max"] + k / 1e6
        for row in rows[:3]:
            row["error_gap"] = 9.0
        assert decided(rows, tested, arms=arms)[0].decision == decision


def test_conditions_that_are_bound_do_not_split_a_hypothesis():
    tested = hypothesis(LogRatio("lambda_max"))
    deep, flat = held((0.1, 0.1)), held((0.8, 0.1), ratio=0.25)
    for row in flat:
        row["depth"] = 4
    found = decided(deep + flat, tested, depths=DEPTHS)[0]
    assert [f.decision for f in found.findings] == ["supported", "bound"]
    assert (found.decision, found.limit_share) == ("supported", 0.8) and found.split_p > 0.99
    # Where the primary one is bound, nothing else decides.
    for row in deep + flat:
        row["depth"] = 20 - row["depth"]
    assert decided(deep + flat, tested, depths=DEPTHS)[0].decision == "bound"


def test_what_the_limit_holds_is_in_no_pooled_number_decided_or_not():
    rows = []
    for depth, ratio, share in ((2, 2.0, 0.1), (4, 2.5, 0.1), (8, 90.0, 0.9), (16, 1.25, 0.9)):
        rows += [row | {"depth": depth} for row in held((share, 0.1), ratio=ratio)]
    found = decided(rows, hypothesis(LogRatio("lambda_max")), depths=(2, 4, 8, 16))[0]
    assert [f.held for f in found.findings] == [True, True, False, False]
    assert (found.pooled.num_conditions, found.decision) == (2, "undecided")
    assert found.pooled.value == pytest.approx(math.log(5) / 2, abs=0.1)

"""Contrasts: rows of known numbers, one number for each seed."""

import math

import numpy as np
import pytest

from lsgeo.study import Condition, Interaction, Sample
from lsgeo.study.contrasts import bound_of
from lsgeo.study.contrasts.depths import DepthGrowth
from lsgeo.study.contrasts.paired import Difference, LogRatio, Within

HERE = Condition("MLP", "none", 4, "matched", ("plain", "residual"))


def rows_of(plain, skip, column="x", depth=4, norm="none", family="MLP", **more):
    place = {"family": family, "norm": norm, "depth": depth, "reading": "matched", **more}
    return [
        {**place, "arm": arm, "seed": seed, column: value}
        for arm, values in (("plain", plain), ("residual", skip), ("scaled", [99.0]))
        for seed, value in enumerate(values)
    ]


def test_a_log_ratio_is_without_over_with_or_the_other_way_round():
    rows = rows_of([2.0, 8.0], [1.0, 2.0])
    np.testing.assert_allclose(LogRatio("x").sample(rows, HERE).values, np.log([2, 4]))
    turned = LogRatio("x", larger="with").sample(rows, HERE)
    np.testing.assert_allclose(turned.values, -np.log([2, 4]))
    assert turned.seeds == (0, 1)


def test_a_difference_is_without_minus_with():
    rows = rows_of([2.0, -8.0], [1.0, 2.0])
    np.testing.assert_allclose(Difference("x").sample(rows, HERE).values, [1, -10])
    np.testing.assert_allclose(Difference("x", larger="with").sample(rows, HERE).values, [-1, 10])


def test_only_rows_of_the_condition_count():
    other = [
        row
        for change in ({"depth": 8}, {"norm": "layer"}, {"family": "ViT"}, {"reading": "end"})
        for row in rows_of([7.0], [7.0], **change)
    ]
    sample = LogRatio("x").sample([*other, *rows_of([2.0], [1.0]), *other], HERE)
    np.testing.assert_allclose(sample.values, [math.log(2)])


@pytest.mark.parametrize(("plain_open", "skip_open"), [(0.5, 0.1), (0.1, 0.5)])
def test_both_twins_get_the_larger_of_their_two_resolutions(plain_open, skip_open):
    rows = rows_of([0.4], [0.1])
    for row in rows:
        row["x_open"] = plain_open if row["arm"] == "plain" else skip_open
    sample = LogRatio("x", resolution="x_open").sample(rows, HERE)
    np.testing.assert_allclose(sample.values, [math.log(0.9 / 0.6)])


def test_zeros_enter_through_the_resolution_and_have_no_logarithm_without_it():
    rows = rows_of([0.0], [0.1], x_open=0.1)
    sample = LogRatio("x", resolution="x_open").sample(rows, HERE)
    np.testing.assert_allclose(sample.values, [math.log(0.5)])
    assert LogRatio("x").sample(rows, HERE).num_missing == 1


def test_networks_that_were_not_measured_are_counted():
    rows = rows_of([2.0, math.nan, 2.0, "", math.inf], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    sample = LogRatio("x").sample(rows, HERE)
    assert (len(sample.seeds), sample.num_missing) == (6, 4)


def test_bounds_are_counted_and_say_what_a_number_is_at_least_and_at_most():
    rows = rows_of([300.0, 300.0, 5.0, 30.0], [30.0, 300.0, 5.0, 300.0], "steps")
    for row in rows:
        row["steps_bound"] = row["steps"] == 300
    for contrast, first in ((LogRatio("steps"), math.log(10)), (Difference("steps"), 270)):
        sample = contrast.sample(rows, HERE)
        np.testing.assert_allclose(sample.values, [first, 0, 0, -first])
        np.testing.assert_array_equal(sample.lower, [sample.values[0], -np.inf, 0, -np.inf])
        np.testing.assert_array_equal(sample.upper, [np.inf, np.inf, 0, sample.values[3]])
        assert (sample.num_bounds, sample.num_missing) == (4, 0)
    turned = LogRatio("steps", larger="with").sample(rows, HERE)
    np.testing.assert_allclose(turned.lower, [-np.inf, -np.inf, 0, math.log(10)])


def test_a_bound_from_above_is_one_and_one_of_a_table_that_was_read_back_too():
    rows = rows_of([0.01, 1.0], [1.0, 1.0])
    for bound in (-1.0, "-1.0"):
        rows[0]["x_bound"] = bound
        sample = Difference("x").sample(rows, HERE)
        np.testing.assert_array_equal(sample.lower, [-np.inf, 0])
        np.testing.assert_allclose(sample.upper, [-0.99, 0])
    assert [bound_of({"x_bound": b}, "x") for b in ("True", "False", "", True, None)] == [
        *(1, 0, 0, 1, 0)
    ]


def test_pairs_are_those_of_a_seed_and_a_split():
    rows = rows_of([2.0, 8.0], [1.0, 2.0], split=1) + rows_of([3.0], [1.0], split=2)
    sample = LogRatio("x").sample(rows, HERE)
    assert sample.pairs == ((0, 1), (0, 2), (1, 1)) and sample.splits == (1, 2, 1)
    np.testing.assert_allclose(sample.values, np.log([2, 3, 4]))
    # Rows of older studies have no split.
    assert LogRatio("x").sample(rows_of([2.0], [1.0]), HERE).pairs == ((0, 0),)
    deeper = rows_of([8.0], [1.0], depth=8, split=2)
    growth = DepthGrowth(LogRatio("x")).sample(rows + deeper, HERE)
    np.testing.assert_allclose(growth.values, [math.nan, math.log(8 / 3), math.nan])
    with pytest.raises(ValueError, match=r"`pairs` must be \(seed, split\)"):
        Sample((0, 1), np.array([1.0, 2.0]))


def test_a_sample_knows_the_largest_share_of_the_limit_on_both_sides():
    rows = rows_of([2.0, 3.0], [1.0, 1.0], limit_share=0.1)
    rows[0]["limit_share"], rows[2]["limit_share"] = 0.7, math.nan
    deeper = rows_of([2.0, 3.0], [1.0, 1.0], depth=8, limit_share=0.2)
    deeper[-2]["limit_share"] = 0.4
    sample = LogRatio("x").sample(rows, HERE)
    assert (sample.limit_shares, sample.limit_share) == ((0.7, 0.1), 0.7)
    both = DepthGrowth(LogRatio("x")).sample(rows + deeper, HERE)
    assert both.limit_shares == (0.7, 0.4)
    interplay = Interaction(LogRatio("x"), norm="layer")
    there = rows_of([2.0], [1.0], norm="layer", limit_share=0.9)
    assert interplay.sample(rows + there, HERE).limit_share == 0.9
    assert math.isnan(LogRatio("x").sample(rows_of([2.0], [1.0]), HERE).limit_share)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, (-np.inf, 0.5)), (0, np.inf, (0.2, np.inf)), (-np.inf, 1, (-np.inf, 0.8))],
)
def test_how_far_a_bound_lies_inside_is_known_as_far_as_it_goes(low, high, expected):
    rows = rows_of([0.0], [0.2], x_bound=True)
    sample = Within("x", low, high).sample(rows, HERE)
    np.testing.assert_allclose((sample.lower[0], sample.upper[0]), expected)


def test_within_is_the_distance_to_the_nearer_end():
    rows = rows_of([0.0] * 4, [0.2, 0.9, 1.5, -1.0])
    sample = Within("x", 0.0, 1.0).sample(rows, HERE)
    np.testing.assert_allclose(sample.values, [0.2, 0.1, -0.5, -1.0])
    below = Within("x", high=0.5, side="without").sample(rows, HERE)
    np.testing.assert_allclose(below.values, [0.5] * 4)


def test_growth_with_depth_is_the_ratio_of_ratios_of_the_ends():
    rows = rows_of([2.0, 3.0], [1.0, 1.0]) + rows_of([9.0, 9.0], [3.0, 3.0], depth=8)
    rows += rows_of([20.0], [1.0, 2.0], depth=16)
    growth = DepthGrowth(LogRatio("x"))
    sample = growth.sample(rows, HERE)
    np.testing.assert_allclose(sample.values, [math.log(10), math.nan])
    assert growth.is_ratio and growth.columns == ("x",)
    assert growth.sample(rows_of([2.0], [1.0]), HERE).seeds == ()


def test_a_pair_with_a_negative_metric_has_no_logarithm_and_counts_as_missing():
    sample = LogRatio("x").sample(rows_of([-1.0, 2.0], [1.0, 1.0]), HERE)
    np.testing.assert_allclose(sample.values, [math.nan, math.log(2)])
    assert sample.num_missing == 1


def test_an_interaction_is_the_ratio_of_ratios_of_two_norms_over_the_depths_of_both():
    rows = rows_of([8.0, 6.0, 1.0], [1.0, 1.0, 1.0])
    rows += rows_of([2.0, 3.0], [1.0, 1.0], norm="layer")
    rows += rows_of([4.0, 4.0], [1.0, 1.0], depth=8)
    rows += rows_of([4.0, 1.0], [1.0, 1.0], depth=8, norm="layer")
    rows += rows_of([1e9], [1.0], depth=16)
    contrast = Interaction(LogRatio("x"), norm="layer")
    sample = contrast.sample(rows, HERE)
    np.testing.assert_allclose(sample.values, [math.log(4) / 2, math.log(2 * 4) / 2, math.nan])
    assert (sample.num_missing, contrast.columns, contrast.per_depth) == (1, ("x",), False)


def test_an_interaction_of_families_compares_equal_depths_alone():
    rows = rows_of([8.0], [1.0], depth=8) + rows_of([2.0], [1.0], depth=4)
    ours = rows_of([1e9], [1.0], depth=2, family="ViT")
    contrast = Interaction(LogRatio("x"), family="ViT")
    assert contrast.sample(rows + ours, HERE).pairs == ()
    ours += rows_of([4.0], [1.0], depth=8, family="ViT")
    np.testing.assert_allclose(contrast.sample(rows + ours, HERE).values, [math.log(2)])
    assert Interaction(LogRatio("x"), family="CNN").sample(rows, HERE).seeds == ()


def test_an_interaction_leaves_out_a_depth_that_three_seeds_cannot_tell_of_for_all_seeds():
    ones = [1.0] * 4
    rows = rows_of([8.0] * 4, ones) + rows_of([2.0] * 4, ones, norm="layer")
    # At depth 8 two of the plain networks without a norm have no number.
    rows += rows_of([1e9, 1e9, math.nan, math.nan], ones, depth=8)
    rows += rows_of(ones, ones, depth=8, norm="layer")
    contrast = Interaction(LogRatio("x"), norm="layer")
    np.testing.assert_allclose(contrast.sample(rows, HERE).values, [math.log(4)] * 4)
    rows[-16]["x"] = 4.0  # of the third plain network
    assert rows[-16]["arm"] == "plain"
    found = contrast.sample(rows, HERE)
    assert found.num_missing == 1


def test_an_interaction_must_name_its_other_side():
    with pytest.raises(ValueError, match="name the other side"):
        Interaction(LogRatio("x"))

"""Slopes over depth of numbers that follow a power law."""

import numpy as np
import pytest

from lsgeo.study import Condition
from lsgeo.study.contrasts.depths import DepthSlope

WHERE = Condition("mlp", "none", 0, "end", ("plain", "residual"))
SLOPE = DepthSlope("sigma", low=-1.3, high=-0.7)


def rows(power, *, arm="residual", seeds=(0, 1), depths=(2, 4, 8, 16), factors=(1.0, 5.0), **where):
    place = {"family": "mlp", "norm": "none", "reading": "end", "arm": arm} | where
    return [
        place | {"depth": depth, "seed": seed, "sigma": factor * depth**power}
        for seed, factor in zip(seeds, factors, strict=False)
        for depth in depths
    ]


@pytest.mark.parametrize(
    ("power", "inside"), [(-1.0, 0.3), (-1.2, 0.1), (-0.7, 0.0), (0.0, -0.7), (-2.0, -0.7)]
)
def test_a_power_law_lies_inside_by_its_distance_to_the_nearer_end(power, inside):
    found = SLOPE.sample(rows(power), WHERE)
    assert found.seeds == (0, 1)
    np.testing.assert_allclose(found.values, [inside, inside], atol=1e-12)


def test_the_slope_is_that_of_least_squares():
    data = rows(-1.0, seeds=(0,))
    data[1]["sigma"] *= np.e
    # log 2 (0, 1, 2, 3) about its mean: a point at -1/2 that moves by 1 turns the slope by -1/2 / 5 / log 2.
    found = DepthSlope("sigma", high=0.0).sample(data, WHERE)
    np.testing.assert_allclose(found.values, [1 + 0.1 / np.log(2)])


def test_only_one_arm_one_reading_and_one_family_count():
    others = rows(3.0, arm="plain") + rows(3.0, reading="init") + rows(3.0, norm="layer")
    np.testing.assert_allclose(SLOPE.sample(others + rows(-1.0), WHERE).values, 0.3)
    plain = DepthSlope("sigma", low=2.0, side="without")
    np.testing.assert_allclose(plain.sample(others + rows(-1.0), WHERE).values, 1.0)


def test_depths_without_a_number_are_left_out_and_one_depth_has_no_slope():
    data = rows(-1.0)
    data[0]["sigma"] = np.nan
    data[1].pop("sigma")
    data[2]["sigma"] = 0.0
    assert np.isnan(SLOPE.sample(data, WHERE).values[0])
    assert SLOPE.sample(data, WHERE).num_missing == 1
    data[2]["sigma"] = 1 / 8
    np.testing.assert_allclose(SLOPE.sample(data, WHERE).values, 0.3)
    assert SLOPE.sample([], WHERE).seeds == ()


def test_a_change_of_slope_takes_off_what_was_there_before_training():
    ends, starts = rows(-1.0), rows(-0.5, reading="init", factors=(3.0, 0.1))
    contrast = DepthSlope("sigma", high=-0.2, since="init")
    # -1 - (-1/2) lies 0.3 below -0.2.
    np.testing.assert_allclose(contrast.sample(starts + ends, WHERE).values, [0.3, 0.3])
    assert [side.reading for side in contrast.sides(WHERE)] == ["end", "init"]
    # A network whose initial scale is all there is has changed nothing.
    same = contrast.sample(starts + rows(-0.5), WHERE)
    np.testing.assert_allclose(same.values, [-0.2, -0.2])
    assert np.isnan(contrast.sample(ends, WHERE).values).all()

"""Sharpness towards a rate of zero: planted networks that have one, and planted readings of the rate."""

import math

import numpy as np
import pytest

from lsgeo.geometry import stability_limit
from lsgeo.study.races.sweeps import towards_zero

RATES = np.array([1e-4, 3e-4, 1e-3])
LIMITS = np.array([stability_limit("momentum", rate) for rate in RATES])


@pytest.mark.parametrize("share", [0.31, 0.6, 0.8, 1.1])
def test_a_sharpness_that_follows_the_limit_is_called_a_bound(share):
    found = towards_zero(RATES, share * LIMITS, LIMITS)
    assert found.is_bound and found.upper == math.inf
    assert found.lower == pytest.approx(share * LIMITS[0])
    assert found.limit_share == pytest.approx(share) and "bound" in str(found)


def test_a_sharpness_that_grows_as_the_rate_falls_is_a_bound_far_from_the_limit_too():
    found = towards_zero(RATES, 0.01 * LIMITS, LIMITS)
    assert found.is_bound


@pytest.mark.parametrize("slope", [-250.0, -20.0, 0.0, 30.0])
def test_a_straight_line_in_the_rate_is_recovered_at_zero(slope):
    found = towards_zero(RATES, 40 * np.exp(slope * RATES), LIMITS)
    assert not found.is_bound and found.value == pytest.approx(40)
    assert found.lower <= 40 * (1 + 1e-12) and found.upper >= 40 * (1 - 1e-12)


def test_a_curved_approach_lies_within_the_interval():
    found = towards_zero(RATES, 40 * np.exp(-300 * RATES + 1e5 * RATES**2), LIMITS)
    assert found.lower <= 40 <= found.upper and not found.is_bound


def test_intervals_cover_planted_numbers_at_rest_under_the_error_of_a_value():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = 40 * (1 + 0.01 * rng.uniform(-1, 1, 3))
        found = towards_zero(RATES, values, LIMITS, error=0.01)
        covered += found.lower <= 40 <= found.upper
    assert covered == 200


def test_a_network_that_never_got_there_has_no_number():
    found = towards_zero(RATES, [math.nan, 40, 40], LIMITS)
    assert found.is_bound and math.isnan(found.value)
    assert towards_zero(RATES, [40, math.nan, 40], LIMITS).is_bound
    assert towards_zero(RATES, [40, 40, 40], [math.nan] * 3).is_bound


@pytest.mark.parametrize(
    ("rates", "values", "text"),
    [
        ([1e-3], [1.0], "`rates` must be at least two"),
        ([1e-3, 1e-4], [1.0, 1.0], "`rates` must be"),
        ([1e-4, 1e-3], [1.0], "`values` and `limits` must have one number"),
    ],
)
def test_rates_that_are_none_and_other_lengths_are_refused(rates, values, text):
    with pytest.raises(ValueError, match=text):
        towards_zero(rates, values, [1.0] * len(rates))

"""One type for a number and its error, whatever law its interval comes from."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

import lsgeo
from lsgeo.interval import bracketed


def test_the_ends_of_an_estimate_are_students_interval_widened_by_the_bias():
    found = lsgeo.Estimate(10.0, 2.0, 5, degrees_of_freedom=4, bias=1.0)
    assert found.interval() == (found.lower, found.upper) == found.interval(0.95)
    for confidence in (0.5, 0.95):
        low, high = stats.t.interval(confidence, 4, 10.0, 2.0)
        np.testing.assert_allclose(found.interval(confidence), (low - 1, high + 1))


def test_an_interval_of_another_law_holds_at_its_own_confidence_alone():
    found = bracketed(1.0, math.nan, 7, 0.5, 3.0, 0.9)
    assert isinstance(found, lsgeo.Interval)
    assert found.interval() == found.interval(0.9) == (0.5, 3.0)
    with pytest.raises(ValueError, match=r"`confidence` must be 0.9, at which .* got 0.95"):
        found.interval(0.95)


def test_estimates_come_back_from_their_leaves_and_print_what_is_known():
    for found, text in (
        (lsgeo.Estimate(1.5, 0.25, 3), "1.5 ± 0.25 (standard error; 3 products)"),
        (lsgeo.Estimate(1.5, math.nan, 1), "1.5 ± unknown (standard error; 1 products)"),
        (bracketed(1.0, 0.1, 7, 0.5, 3.0, 0.9), "1 in [0.5, 3] (90 % confidence; 7 products)"),
    ):
        assert str(found) == str(jax.tree.map(lambda leaf: leaf, found)) == text

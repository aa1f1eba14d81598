"""Exponents, corners and shares are those that were planted, with intervals that cover as often as they say."""

import math

import numpy as np
import pytest
from scipy import stats

from lsgeo.study.laws import _fits
from lsgeo.study.laws._table import Point, log_ratio
from tests.study.laws.planted_rows import generator

NUM_STUDIES = 200
# Of 200 intervals of 95 % fewer cover with a probability of one in a thousand.
FEWEST_COVERED = int(stats.binom.ppf(0.001, NUM_STUDIES, 0.95))
DEPTHS = (4, 8, 16, 32)


def _series(rng, power, *, pairs=5, depths=DEPTHS, noise=0.2, spread=0.1, bend=0.0):
    found = {}
    for pair in range(pairs):
        start, own = rng.normal(), power + spread * rng.normal()
        for depth in depths:
            x = math.log(depth)
            y = start + own * x + bend * max(x - math.log(8), 0) + noise * rng.normal()
            found.setdefault(x, {})[pair, 0] = Point(y)
    return found


@pytest.mark.parametrize("power", [2.5, 0.72, 0.0])
def test_a_planted_exponent_lies_in_its_interval_at_the_nominal_rate(power):
    found = [_fits.slopes(_series(generator(k), power)).fitted() for k in range(NUM_STUDIES)]
    assert sum(one.lower <= power <= one.upper for one in found) >= FEWEST_COVERED
    # An interval that covers because it is endless would say nothing.
    assert np.median([one.upper - one.lower for one in found]) < 0.6


def test_it_does_so_where_pairs_share_their_data_split():
    covered = 0
    for k in range(NUM_STUDIES):
        rng, series = generator(k), {}
        shifts = 0.3 * rng.normal(size=5)
        for pair in range(15):
            power = 1.5 + shifts[pair % 5] + 0.05 * rng.normal()
            for depth in DEPTHS:
                y = power * math.log(depth) + 0.1 * rng.normal()
                series.setdefault(math.log(depth), {})[pair, pair % 5] = Point(y)
        found = _fits.slopes(series).fitted()
        covered += found.lower <= 1.5 <= found.upper
    assert covered >= FEWEST_COVERED


def test_the_exponent_is_that_of_least_squares_pair_by_pair():
    series = _series(generator(0), 1.3)
    by_hand = [
        stats.linregress(list(series), [series[x][pair, 0].value for x in series]).slope
        for pair in range(5)
    ]
    found = _fits.slopes(series).fitted()
    assert found.value == pytest.approx(np.mean(by_hand), rel=1e-12)
    half = stats.t.ppf(0.975, 4) * np.std(by_hand, ddof=1) / math.sqrt(5)
    assert found.lower <= found.value - half + 1e-12 and found.num_pairs == 5


def test_two_depths_have_no_exponent_and_two_pairs_no_interval():
    assert not _fits.slopes(_series(generator(0), 1.0, depths=(4, 8))).values
    few = _fits.slopes(_series(generator(0), 1.0, pairs=2)).fitted()
    assert math.isnan(few.value) and (few.lower, few.upper) == (-math.inf, math.inf)


def _bounded(series, *places):
    # The true values at these places lie to a side of what is seen.
    for x, side in places:
        moved = {u: Point(p.value, side) for u, p in series[math.log(x)].items()}
        series[math.log(x)] = moved
    return series


def test_a_bound_at_the_end_makes_at_least_and_at_the_start_at_most():
    series = _bounded(_series(generator(0), 2.0, depths=(4, 8, 16)), (16, 1))
    least = _fits.slopes(series).fitted()
    assert least.side == 1 and least.upper == math.inf and math.isfinite(least.lower)
    assert str(least).startswith("at least ")
    most = _fits.slopes(_bounded(_series(generator(0), 2.0), (4, 1))).fitted()
    assert most.side == -1 and most.lower == -math.inf and str(most).startswith("at most ")
    above = _fits.slopes(_bounded(_series(generator(0), 2.0), (32, -1))).fitted()
    assert above.side == -1


def test_bounds_that_pull_to_both_sides_leave_no_exponent():
    both = _fits.slopes(_bounded(_series(generator(0), 2.0), (4, 1), (32, 1)))
    assert math.isnan(both.fitted().value) and str(both.fitted()) == "no exponent"
    # In the middle of three depths a bound has no say.
    middle = _bounded(_series(generator(0), 2.0, depths=(4, 8, 16)), (8, 1))
    assert _fits.slopes(middle).fitted().side == 0


def test_a_planted_corner_is_found_where_it_is_and_a_straight_line_has_none():
    found = _fits.bends(_series(generator(3), 0.5, bend=2.0, noise=0.05))
    ((x, (before, behind)),) = found.items()
    assert math.exp(x) == pytest.approx(8) and before.value < 1 < behind.value
    straight = sum(bool(_fits.bends(_series(generator(k), 1.5))) for k in range(NUM_STUDIES))
    assert straight <= NUM_STUDIES - FEWEST_COVERED
    # Without noise all that is left is rounding.
    assert not _fits.bends(_series(generator(0), 1.5, noise=0.0))


def test_a_value_that_the_rate_holds_down_makes_no_corner():
    series = _series(generator(0), 2.0, noise=0.01)
    held = {u: Point(p.value - 2.0, 1) for u, p in series[math.log(32)].items()}
    series[math.log(32)] = held
    assert not _fits.bends(series)
    unmarked = {u: Point(p.value) for u, p in held.items()}
    assert _fits.bends(series | {math.log(32): unmarked})


def test_a_planted_share_lies_in_fiellers_interval_at_the_nominal_rate():
    covered = 0
    for k in range(NUM_STUDIES):
        rng = generator(k)
        units = [(pair, 0) for pair in range(5)]
        whole = dict(zip(units, 1.0 + 0.3 * rng.normal(size=5), strict=True))
        part = dict(zip(units, 0.6 + 0.3 * rng.normal(size=5), strict=True))
        found = _fits.share(part, whole)
        # Without a number the interval is the whole line, which covers.
        covered += found.lower <= 0.6 <= found.upper
    assert covered >= FEWEST_COVERED


def test_a_share_of_what_may_be_nothing_is_no_number():
    units = [(pair, 0) for pair in range(4)]
    whole = dict(zip(units, (-1.0, 1.0, -0.5, 0.6), strict=True))
    assert math.isnan(_fits.share(dict.fromkeys(units, 1.0), whole).value)
    # By hand: without scatter the share is the ratio, and known.
    exact = _fits.share(dict.fromkeys(units, 1.0), dict.fromkeys(units, 4.0))
    assert (exact.lower, exact.value, exact.upper) == pytest.approx((0.25, 0.25, 0.25))


def test_the_factor_of_a_line_is_that_by_hand():
    line = {(0, 0): [(1.0, Point(2.0)), (3.0, Point(6.6))]}
    # (1 * 2 + 3 * 6.6) / (1 + 9)
    assert _fits.multiples_of(line).values[0, 0] == pytest.approx(2.18)


def test_agreement_counts_intervals_and_the_farthest_mean_in_standard_errors():
    sample = _fits.Sample({(k, 0): v for k, v in enumerate((1.0, 2.0, 3.0))})
    found = _fits.agreement([(sample, 2.0), (sample, 9.0)])
    assert (found.covered, found.count) == (1, 2)
    assert found.farthest == pytest.approx(7 / (1 / math.sqrt(3)))


def test_a_difference_is_pulled_the_other_way_by_a_bound_of_what_is_taken_off():
    def exponent(power, *places):
        return _fits.slopes(_bounded(_series(generator(1), power), *places))

    free, least = exponent(1.0), exponent(2.0, (32, 1))
    assert least.minus(free).fitted().side == 1 and free.minus(least).fitted().side == -1
    assert math.isnan(least.minus(exponent(3.0, (32, 1))).fitted().value)


def test_a_ratio_is_a_bound_to_the_side_that_its_bounds_pull_to():
    unit = (0, 0)
    sides = {
        (1, 0): 1,
        (0, 1): -1,
        (-1, 0): -1,
        (0, -1): 1,
        (1, -1): 1,
        (0, 0): 0,
    }
    for (over, under), side in sides.items():
        found = log_ratio({unit: Point(8.0, over)}, {unit: Point(2.0, under)})
        assert found == {unit: Point(math.log(8) - math.log(2), side)}
    assert not log_ratio({unit: Point(8.0, 1)}, {unit: Point(2.0, 1)})

"""Intervals out of a density: coverage over keys, best possible brackets, ends and outliers."""

import jax
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.densities import _brackets
from lsgeo.spectra.krylov import _spherical
from tests import oracles

KEYS = 200


@pytest.mark.parametrize(
    ("values", "probes"),
    [(np.r_[-np.ones(60), 2 * np.ones(60)], 1), (np.r_[-np.ones(3), 2 * np.ones(117)], 4)],
    ids=["half, one probe", "three, four probes"],
)
def test_negative_fraction_and_cumulative_cover_in_95_percent_of_200_keys(values, probes):
    truth = np.mean(values < 0)
    op = lsgeo.dense(oracles.prescribed(values))
    hits = np.zeros(2)
    for seed in range(KEYS):
        density = lsgeo.spectral_density(
            op, key=jax.random.key(seed), num_probes=probes, num_steps=3
        )
        lower, _, upper = density.cumulative(0.5)
        hits += oracles.covered(density.negative_fraction(), truth), lower <= truth <= upper
    # Two distinct eigenvalues: the rule is exact, and the law of the probes is all that is tested.
    assert np.all((hits >= 0.92 * KEYS) & (hits <= 0.99 * KEYS))


@pytest.mark.parametrize("probes", [1, 4])
def test_mass_and_moments_cover_in_at_least_92_percent_where_outliers_dominate(probes):
    values = np.r_[-3, -np.ones(20), 0.1 * np.ones(100), np.ones(28), 20]
    truths = -values[values < 0].sum() / np.abs(values).sum(), values.mean(), np.mean(values**2)
    hits = np.zeros(3)
    for seed in range(KEYS):
        density = oracles.sampled(values, probes, seed)
        found = density.negative_mass(), density.moment(1), density.moment(2)
        hits += [oracles.covered(*pair) for pair in zip(found, truths, strict=True)]
    assert np.all(hits >= 0.92 * KEYS)


def test_everything_covers_where_the_rule_is_coarse_and_fails_less_often_than_it_says():
    values = np.r_[np.random.default_rng(0).standard_normal(140) * 0.3, np.linspace(-1, 5, 10)]
    x = np.linspace(-0.9, 0.9, 5)
    truth = np.array([np.mean(values <= point) for point in x])
    mass = -values[values < 0].sum() / np.abs(values).sum()
    band = np.mean(np.abs(values) <= 0.2)
    hits, widths = np.zeros(5), []
    for seed in range(100):
        density = oracles.sampled(values, 2, seed, steps=14)
        lower, estimate, upper = density.cumulative(x)
        assert np.all((lower <= estimate) & (estimate <= upper))
        hits += [
            np.mean((lower <= truth) & (truth <= upper)),
            oracles.covered(density.negative_fraction(), np.mean(values < 0)),
            oracles.covered(density.fraction_within(-0.2, 0.2), band),
            oracles.covered(density.negative_mass(), mass),
            oracles.covered(density.largest(), values.max())
            and oracles.covered(density.smallest(), values.min()),
        ]
        widths.append(np.mean(upper - lower))
    assert np.all(hits >= 95)
    assert np.mean(widths) < 0.35


def test_bracket_of_one_probe_is_met_by_its_distribution_and_is_half_as_wide_as_between_nodes():
    rng = np.random.default_rng(1)
    points, x = np.sort(rng.standard_normal(300)), np.linspace(-3.2, 3.2, 60)
    widths, plain = [], []
    for _ in range(5):
        masses = rng.standard_normal(300) ** 2
        masses /= masses.sum()
        rule = _brackets.rule(*oracles.gauss(points, masses, 24), 0.0)
        lower, upper = _brackets.bounds(rule, x, 0.0)
        truth = np.concatenate([[0], np.cumsum(masses)])[np.searchsorted(points, x)]
        assert np.all((lower - 1e-9 <= truth) & (truth <= upper + 1e-9))
        sums = np.concatenate([[0], np.cumsum(rule.weights)])
        at = np.searchsorted(rule.nodes, x)
        widths.append(np.mean(upper - lower))
        plain.append(np.mean(sums[np.minimum(at + 1, 24)] - sums[np.maximum(at - 1, 0)]))
    assert np.mean(widths) < 0.6 * np.mean(plain)


def test_bracket_is_the_rule_with_a_prescribed_node():
    # Golub 1973: the last coefficient of T is changed until x is an eigenvalue.
    rng = np.random.default_rng(2)
    alphas, betas, x = rng.standard_normal(9), 1 + rng.random(8), 0.3
    matrix = np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1)
    nodes, vectors = np.linalg.eigh(matrix)
    inverse = np.linalg.inv(x * np.eye(8) - matrix[:-1, :-1])
    matrix[-1, -1] = x - betas[-1] ** 2 * inverse[-1, -1]
    moved, first = np.linalg.eigh(matrix)
    at = np.argmin(np.abs(moved - x))
    below, weight = np.sum(first[0, :at] ** 2), first[0, at] ** 2
    lower, upper = _brackets.bounds(_brackets.rule(nodes, vectors[0] ** 2, 0.0), np.array([x]), 0.0)
    np.testing.assert_allclose([lower[0], upper[0]], [below, below + weight], rtol=1e-7)


def test_share_of_one_probe_follows_the_beta_law_that_is_inverted():
    # Clopper and Pearson's ends: a share as extreme has probability 2.5 % at either end.
    from scipy import stats

    low, high = _spherical.fraction_bounds(
        np.array([0.3]), np.array([0.3]), size=80, num_probes=1, confidence=0.95
    )
    assert abs(stats.beta.sf(0.3, 40 * low[0], 40 * (1 - low[0])) - 0.025) < 1e-9
    assert abs(stats.beta.cdf(0.3, 40 * high[0], 40 * (1 - high[0])) - 0.025) < 1e-9


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_intervals_do_not_change_with_the_scale_of_the_operator(scale):
    values = np.r_[np.linspace(-1, 1, 60), 4.0]
    plain, scaled = (
        oracles.sampled(values, 2, 0, steps=12),
        oracles.sampled(scale * values, 2, 0, steps=12),
    )
    # The rounding of `oracles.sampled` itself, which is absolute, has to scale as well.
    scaled = lsgeo.SpectralDensity(scaled.nodes, scaled.weights, 61, scale * 1e-13, 24)
    for name in ("negative_fraction", "negative_mass"):
        one, other = getattr(plain, name)(), getattr(scaled, name)()
        np.testing.assert_allclose(
            [other.lower, other.upper], [one.lower, one.upper], rtol=1e-5, atol=1e-12
        )
    one, other = plain.largest(), scaled.largest()
    np.testing.assert_allclose([other.value, other.upper], scale * np.array([one.value, one.upper]))
    assert scaled.count_above(2 * scale).value == plain.count_above(2).value == 1


def test_ten_spikes_are_counted_as_ten_and_a_repeated_one_is_not_excluded():
    bulk = np.linspace(-1, 1, 290)
    for seed in range(10):
        density = oracles.sampled(np.r_[bulk, np.linspace(5, 50, 10)], 4, seed, steps=40)
        count = density.count_above(2.0)
        assert count.value == count.lower == 10 and count.upper <= 25
        assert density.count_below(-2.0).upper == 0
        triple = oracles.sampled(np.r_[bulk, np.full(10, 9.0)], 4, seed, steps=20).count_above(2.0)
        assert triple.lower <= 10 <= triple.upper and triple.upper > 5


def test_count_that_the_probes_have_not_resolved_says_so():
    count = oracles.sampled(np.linspace(-1, 1, 300), 4, 0, steps=8).count_above(0.8)
    assert count.lower <= 30 <= count.upper and count.upper - count.lower > 20


def test_nodes_that_converged_far_beyond_rounding_keep_their_weight():
    # Their last components underflow, and with them the distance to the node of any other rule.
    op = lsgeo.dense(oracles.prescribed(np.logspace(-10, 0, 200)))
    density = lsgeo.spectral_density(op, key=jax.random.key(1), num_probes=2, num_steps=100)
    lower, _, upper = density.cumulative(np.array([0.5, 1.5]))
    assert lower[0] < 1 - 6 / 200 < upper[0] and upper[0] - lower[0] < 0.06
    assert lower[1] > 0.99 and upper[1] == 1
    assert density.count_above(1.5).upper == 0


def test_zero_and_identity_and_definite_spectra_have_no_nan():
    for values in (np.zeros(9), np.ones(9), -np.ones(9), np.array([2.0])):
        density = oracles.sampled(values, 2, 0)
        expected = float(values[0] < 0)
        for found in (density.negative_fraction(), density.negative_mass()):
            assert (found.lower, found.value, found.upper) == (expected,) * 3
        assert density.moment(3).standard_error == 0
        assert density.largest().upper - values[0] <= 1.01e-13
        assert density.count_above(1.5).value == np.sum(values > 1.5)
    assert np.isnan(density.cumulative(np.array([np.nan, 1.0]))[0]).tolist() == [True, False]


def test_bound_on_the_largest_eigenvalue_tightens_with_probes_and_steps_and_opens_without():
    margins = [_spherical.missed(10**6, k, 1.0, 0.05, K) for k, K in ((64, 1), (64, 8), (128, 8))]
    assert margins[0] > margins[1] > margins[2] > 0
    assert _spherical.missed(10**6, 2, 1.0, 0.05) == np.inf
    assert oracles.sampled(np.linspace(0, 1, 50), 1, 0, steps=2).largest().upper == np.inf


def test_interval_prints_its_ends_and_its_cost():
    text = str(oracles.sampled(np.array([-1.0, 1.0, 1.0]), 2, 0).negative_fraction(0.9))
    assert "90 % confidence; 6 products" in text and " in [" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.cumulative(0.0, confidence=1), "`confidence` must lie strictly between"),
        (lambda d: d.negative_mass(0), "`confidence` must lie strictly between"),
        (lambda d: d.largest(2.0), "`confidence` must lie strictly between"),
        (lambda d: d.count_above(0.0, -1), "`confidence` must lie strictly between"),
        (lambda d: d.fraction_within(1, 0), "`low` must not exceed `high`; got 1 and 0"),
        (lambda d: d.moment(-1), "`k` must be an integer of at least 0"),
    ],
)
def test_bad_arguments_of_intervals_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(oracles.sampled(np.array([-1.0, 1.0]), 1, 0))


@pytest.mark.parametrize("steps", [3, 5])
def test_bound_on_the_negative_part_is_that_of_a_linear_program_over_all_distributions(steps):
    from scipy import optimize

    rng = np.random.default_rng(steps)
    points, masses = np.sort(rng.standard_normal(200)), rng.standard_normal(200) ** 2
    masses /= masses.sum()
    found = _brackets.negative_part(_brackets.rule(*oracles.gauss(points, masses, steps), 0.0), 0.0)
    x = np.linspace(-8, 8, 2001)
    grid, at = (np.polynomial.chebyshev.chebvander(y / 8, 2 * steps - 2).T for y in (x, points))
    for bound, sign in zip(found, (1, -1), strict=True):
        best = optimize.linprog(sign * np.maximum(-x, 0), A_eq=grid, b_eq=at @ masses)
        # The slack of a hundredth, and the grid of the program.
        assert -1e-4 <= sign * (sign * best.fun - bound) <= 0.03 * (found[1] - found[0]) + 1e-4

"""Distances between spectra against shifts, scalings, sorted differences and coverage over keys."""

import jax
import numpy as np
import pytest
from scipy import stats

import lsgeo
from tests import oracles

KEY = jax.random.key(2)
BASE = np.sort(np.random.default_rng(0).standard_normal(100))


def density(matrix, **options):
    return lsgeo.spectral_density(lsgeo.dense(matrix), key=KEY, **options)


@pytest.mark.parametrize("shift", [0.7, -1.3])
def test_distance_of_a_shifted_operator_is_the_shift_and_its_interval_is_a_point(shift):
    matrix = oracles.prescribed(BASE)
    options = {"num_probes": 3, "num_steps": 12}
    found = lsgeo.wasserstein_1(
        density(matrix, **options), density(matrix + shift * np.eye(100), **options)
    )
    # The Krylov space of a shifted operator is the same, so the nodes are shifted and the weights equal.
    np.testing.assert_allclose([found.value, found.lower, found.upper], abs(shift), rtol=1e-9)
    assert found.num_matvecs == 2 * 3 * 12


def test_distance_of_two_rules_is_that_of_their_weighted_nodes():
    a, b = (oracles.sampled(values, 3, seed, steps=8) for values, seed in ((BASE, 1), (BASE**3, 2)))
    expected = stats.wasserstein_distance(
        a.nodes.ravel(), b.nodes.ravel(), a.weights.ravel(), b.weights.ravel()
    )
    np.testing.assert_allclose(lsgeo.wasserstein_1(a, b).value, expected, rtol=1e-10)
    np.testing.assert_allclose(lsgeo.wasserstein_1(b, a).value, expected, rtol=1e-10)


def test_distance_of_a_spectrum_from_itself_is_zero_and_from_zero_is_its_mean_size():
    a, zero = oracles.sampled(BASE, 4, 0), oracles.sampled(np.zeros(100), 4, 0)
    same = lsgeo.wasserstein_1(a, a)
    assert (same.value, same.lower, same.upper, same.standard_error) == (0, 0, 0, 0)
    expected = np.mean(np.sum(a.weights * np.abs(a.nodes), axis=1))
    np.testing.assert_allclose(lsgeo.wasserstein_1(a, zero).value, expected)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_distance_scales_with_the_operators(factor):
    a, b = oracles.sampled(BASE, 4, 0), oracles.sampled(2 * BASE, 4, 1)
    c, d = oracles.sampled(factor * BASE, 4, 0), oracles.sampled(2 * factor * BASE, 4, 1)
    plain, scaled = lsgeo.wasserstein_1(a, b), lsgeo.wasserstein_1(c, d)
    np.testing.assert_allclose(
        [scaled.value, scaled.lower, scaled.upper],
        factor * np.array([plain.value, plain.lower, plain.upper]),
        rtol=1e-9,
        atol=1e-9 * factor,
    )


@pytest.mark.parametrize("scale", ["trace", "largest", "deviation"])
def test_shapes_do_not_depend_on_the_scale_of_one_operator(scale):
    values = BASE + 3
    a, b, c = (
        oracles.sampled(values, 4, 0),
        oracles.sampled(1e6 * values, 4, 0),
        oracles.sampled(values**2, 4, 0),
    )
    assert lsgeo.wasserstein_1(a, b, scale=scale).upper < 1e-9
    assert lsgeo.wasserstein_1(a, b).value > 1e5
    one, other = lsgeo.wasserstein_1(a, c, scale=scale), lsgeo.wasserstein_1(b, c, scale=scale)
    np.testing.assert_allclose([one.value, one.upper], [other.value, other.upper], rtol=1e-6)
    truth = {"trace": np.mean, "largest": np.max, "deviation": np.std}[scale]
    expected = np.mean(np.abs(values / truth(values) - values**2 / truth(values**2)))
    # Eight keys: not more than one of these 95 % intervals may miss.
    pairs = [
        lsgeo.wasserstein_1(
            oracles.sampled(values, 6, s), oracles.sampled(values**2, 6, s + 50), scale=scale
        )
        for s in range(8)
    ]
    assert sum(oracles.covered(pair, expected) for pair in pairs) >= 7


OTHERS = {
    "shifted": BASE + 0.5,
    "wider": 1.5 * BASE,
    "skewed": np.sort(np.random.default_rng(1).exponential(size=100)),
}


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("name", OTHERS)
def test_interval_covers_a_known_distance_in_at_least_90_percent_of_200_keys(name, paired):
    # In one dimension the best transport moves sorted eigenvalues onto sorted eigenvalues.
    truth = np.mean(np.abs(BASE - OTHERS[name]))
    hits = 0
    for seed in range(200):
        a, b = (
            oracles.sampled(BASE, 4, seed),
            oracles.sampled(OTHERS[name], 4, seed + 1000 * (not paired)),
        )
        found = lsgeo.wasserstein_1(a, b)
        hits += found.lower - 1e-12 <= truth <= found.upper + 1e-12
    assert hits >= 180


def test_pairing_probes_narrows_the_interval_and_equality_is_not_excluded():
    widths = {True: [], False: []}
    for seed in range(20):
        a, b = oracles.sampled(BASE, 8, seed), oracles.sampled(BASE, 8, seed + 1000)
        equal = lsgeo.wasserstein_1(a, b)
        assert equal.lower == 0 < equal.value < equal.upper
        for paired, other in ((True, seed), (False, seed + 1000)):
            found = lsgeo.wasserstein_1(a, oracles.sampled(1.5 * BASE, 8, other))
            widths[paired].append(found.upper - found.lower)
    assert np.mean(widths[True]) < 0.4 * np.mean(widths[False])


def test_numbers_of_probes_and_sizes_may_differ_and_one_probe_leaves_the_interval_open():
    a, b = oracles.sampled(BASE, 5, 0), oracles.sampled(np.r_[BASE + 2, BASE + 2], 7, 1)
    found = lsgeo.wasserstein_1(a, b)
    assert oracles.covered(found, 2) and found.upper - found.lower < 1
    alone = lsgeo.wasserstein_1(oracles.sampled(BASE, 1, 0), b)
    assert (alone.lower, alone.upper) == (0, np.inf) and np.isnan(alone.standard_error)
    assert abs(alone.value - 2) < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": "mean"}, "`scale` must be one of none, trace, largest, deviation; got 'mean'"),
        ({"confidence": 0}, "`confidence` must lie strictly between 0 and 1; got 0"),
        ({"b": np.ones(3)}, "`b` must be a SpectralDensity; got ndarray"),
        (
            {"b": oracles.sampled(np.zeros(3), 2, 0), "scale": "trace"},
            '`scale` "trace" of `b` is zero',
        ),
        (
            {"a": oracles.sampled(np.ones(3), 2, 0), "scale": "deviation"},
            '"deviation" of `a` is zero',
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    both = {"a": oracles.sampled(BASE, 2, 0), "b": oracles.sampled(BASE, 2, 1), **arguments}
    with pytest.raises(ValueError, match=message):
        lsgeo.wasserstein_1(both.pop("a"), both.pop("b"), **both)

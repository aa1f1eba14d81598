"""Stochastic Lanczos quadrature against moments, random-matrix laws and exact distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(3)


def test_moments_of_one_probe_are_exact_to_twice_the_steps_minus_one_and_no_further():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((120, 120))
    matrix = (a + a.T) / np.linalg.norm(a + a.T, 2)
    density = lsgeo.spectral_density(lsgeo.dense(matrix), key=KEY, num_probes=1, num_steps=7)
    # The probe that the density used, drawn again from its key.
    from lsgeo.spectra.krylov import lanczos

    probe_key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    v = np.asarray(lanczos.random_unit(probe_key, 120, jnp.float64))
    for k, tolerance in ((13, 1e-13), (6, 1e-13)):
        exact = v @ np.linalg.matrix_power(matrix, k) @ v
        assert abs(density.moment(k).value - exact) < tolerance
    assert abs(density.moment(14).value - v @ np.linalg.matrix_power(matrix, 14) @ v) > 1e-6


def test_density_of_a_wigner_matrix_has_the_semicircle_moments_and_edges():
    n = 1000
    a = np.random.default_rng(1).standard_normal((n, n))
    op = lsgeo.dense((a + a.T) / np.sqrt(2 * n))
    density = lsgeo.spectral_density(op, key=KEY, num_probes=6, num_steps=60)
    assert abs(density.moment(2).value - 1) < 0.02
    fourth = density.moment(4)
    assert abs(fourth.value - 2) < 0.04 + 4 * fourth.standard_error < 0.3
    assert abs(density.nodes.min() + 2) < 0.05
    assert abs(density.nodes.max() - 2) < 0.05


def test_hessian_of_random_linear_regression_follows_marchenko_and_pastur():
    data, params = 1600, 800
    x = jnp.asarray(np.random.default_rng(2).standard_normal((data, params)))
    op = lsgeo.hessian(lambda w, x: 0.5 * jnp.mean((x @ w) ** 2), jnp.ones(params), x)
    density = lsgeo.spectral_density(op, key=KEY, num_probes=6, num_steps=60)
    edges = (1 - np.sqrt(0.5)) ** 2, (1 + np.sqrt(0.5)) ** 2
    assert abs(density.nodes.min() - edges[0]) < 0.06
    assert abs(density.nodes.max() - edges[1]) < 0.06
    moment = density.moment(2)
    assert abs(moment.value - 1.5) < 0.015 + 4 * moment.standard_error


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_smoothed_density_of_a_scaled_operator_is_the_scaled_density(scale):
    matrix = oracles.prescribed(np.linspace(-1, 3, 120))
    grid = np.linspace(-1, 3, 50)
    plain, scaled = (
        lsgeo.spectral_density(lsgeo.dense(s * matrix), key=KEY, num_probes=2, num_steps=10)
        for s in (1.0, scale)
    )
    np.testing.assert_allclose(scaled.density(scale * grid) * scale, plain.density(grid), rtol=1e-8)


def test_smoothed_density_integrates_to_one():
    density = lsgeo.spectral_density(
        lsgeo.dense(oracles.prescribed(np.linspace(-1, 3, 120))), key=KEY, num_steps=10
    )
    grid = np.linspace(-2, 4, 4001)
    assert abs(np.trapezoid(density.density(grid), grid) - 1) < 1e-6


def test_cumulative_bounds_enclose_the_true_distribution():
    values = np.random.default_rng(4).standard_normal(120)
    op = lsgeo.dense(oracles.prescribed(values))
    x = np.linspace(-3, 3, 41)
    truth = np.searchsorted(np.sort(values), x, side="right") / 120
    misses = 0
    for seed in range(5):
        density = lsgeo.spectral_density(op, key=jax.random.key(seed), num_probes=2, num_steps=30)
        lower, estimate, upper = density.cumulative(x)
        assert np.all(lower <= estimate) and np.all(estimate <= upper)
        misses += np.sum((truth < lower) | (truth > upper))
    # At most 5 % of 205 intervals may miss; the quadrature bounds make them conservative.
    assert misses <= 10
    assert np.mean(upper - lower) < 0.5


def test_one_probe_is_enough_for_an_interval():
    density = lsgeo.spectral_density(
        lsgeo.dense(oracles.prescribed(np.arange(120.0))), key=KEY, num_probes=1, num_steps=20
    )
    lower, _, upper = density.cumulative(np.array([50.0]))
    assert 0.1 < lower[0] < 51 / 120 < upper[0] < 0.8
    # The variance of v'Hv is 2 / (n + 2) times that of the eigenvalues, here (120^2 - 1) / 12.
    exact = np.sqrt(2 / 122 * (120**2 - 1) / 12)
    assert abs(density.moment(1).standard_error - exact) < 0.3 * exact


def test_negative_mass_and_fraction_of_a_known_spectrum():
    values = np.r_[-np.ones(36), 2 * np.ones(84)]
    density = lsgeo.spectral_density(
        lsgeo.dense(oracles.prescribed(values)), key=KEY, num_probes=64, num_steps=4
    )
    fraction, mass = density.fraction_within(-2, -0.5), density.negative_mass()
    assert abs(fraction.value - 0.3) < 4 * fraction.standard_error < 0.05
    assert abs(mass.value - 36 / 204) < 4 * mass.standard_error < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_probes": 0}, "`num_probes` must be an integer of at least 1; got 0"),
        ({"num_steps": 2.5}, "`num_steps` must be an integer"),
        ({"key": 0}, r"`key` must be one typed random key; got int"),
        ({"key": jax.random.split(KEY)}, "`key` must be one typed random key"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.spectral_density(lsgeo.dense(jnp.eye(3)), **{"key": KEY, **arguments})


def test_a_plain_array_is_refused_with_the_ways_to_make_an_operator():
    with pytest.raises(ValueError, match=r"`op` must be a lsgeo operator.*dense\(matrix\)"):
        lsgeo.spectral_density(jnp.eye(3), key=KEY)


def test_product_that_turns_nan_is_loud():
    calls = []

    def matvec(v):
        calls.append(1)
        return v * (jnp.nan if len(calls) > 8 else 2.0) * jnp.arange(1.0, 121.0)

    op = lsgeo.from_matvec(matvec, jnp.ones(120))
    with pytest.raises(ValueError, match="not finite at Lanczos step"):
        lsgeo.spectral_density(op, key=KEY, num_probes=1, num_steps=10)

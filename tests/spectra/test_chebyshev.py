"""Chebyshev densities against closed forms, against Lanczos quadrature, and on degenerate operators."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.krylov import lanczos
from tests import oracles

KEY = jax.random.key(5)
N = 300


def drawn(kind):
    rng = np.random.default_rng(3)
    if kind == "semicircle":
        a = rng.standard_normal((N, N))
        return (a + a.T) / np.sqrt(2 * N), lsgeo.semicircle(2.0)
    x = rng.standard_normal((2 * N, N))
    return x.T @ x / (2 * N), lsgeo.marchenko_pastur(0.5)


@pytest.mark.parametrize("kind", ["semicircle", "Marchenko-Pastur"])
def test_density_of_a_drawn_matrix_follows_its_law(kind):
    matrix, law = drawn(kind)
    found = lsgeo.chebyshev_density(lsgeo.dense(matrix), key=KEY, num_probes=8, num_moments=60)
    x = np.linspace(*law.edges, 40)
    # A share p of 8 spherical probes has the standard error sqrt(2 p (1 - p) / 8 N) <= 0.015, and the
    # kernel smooths over 5 % of half the width.
    assert np.max(np.abs(found.cumulative(x) - law.cumulative(x))) < 0.05
    # Some 20 eigenvalues lie within one resolution: 8 probes see their number to 11 %.
    inner = law.edges[0] + np.ptp(law.edges) * np.linspace(0.25, 0.75, 9)
    np.testing.assert_allclose(found.density(inner), law.density(inner), rtol=0.25)


def test_moments_are_those_of_lanczos_quadrature_with_the_same_key():
    op = lsgeo.dense(drawn("semicircle")[0])
    chebyshev = lsgeo.chebyshev_density(op, key=KEY, num_probes=3, num_moments=60)
    quadrature = lsgeo.spectral_density(op, key=KEY, num_probes=3, num_steps=30)
    for k in (1, 2, 5, 8):
        one, other = chebyshev.moment(k), quadrature.moment(k)
        assert abs(one.value - other.value) < 1e-9
        assert 0.2 < one.standard_error / other.standard_error < 3
    # The quadrature's brackets hold the smoothed distribution up to the smoothing.
    x = np.linspace(-1.5, 1.5, 7)
    lower, _, upper = quadrature.cumulative(x)
    smooth = chebyshev.cumulative(x)
    assert np.all((lower - 0.02 <= smooth) & (smooth <= upper + 0.02))


def test_moments_of_one_probe_are_those_of_the_chebyshev_polynomials():
    matrix = oracles.prescribed(np.linspace(-1, 2, 40))
    found = lsgeo.chebyshev_density(
        lsgeo.dense(matrix), key=KEY, num_probes=1, num_moments=11, interval=(-1.5, 2.5)
    )
    probe_key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    v = np.asarray(lanczos.random_unit(probe_key, 40, jnp.float64))
    values, vectors = np.linalg.eigh((matrix - 0.5 * np.eye(40)) / 2)
    exact = [(vectors.T @ v) ** 2 @ np.cos(k * np.arccos(values)) for k in range(11)]
    np.testing.assert_allclose(found.moments[0], exact, atol=1e-13)
    assert found.num_matvecs == 5
    assert np.isnan(found.moment(2).standard_error)


def test_products_are_counted_as_they_happen():
    calls = []

    def matvec(v):
        calls.append(1)
        return v * jnp.arange(1.0, 71.0)

    op = lsgeo.from_matvec(matvec, jnp.ones(70))
    calls.clear()
    found = lsgeo.chebyshev_density(op, key=KEY, num_probes=2, num_moments=10)
    assert len(calls) == found.num_matvecs == 32 + 2 * 5
    assert "2 probes x 10 moments" in str(found) and "42 products" in str(found)


def test_density_integrates_to_one_is_nowhere_negative_and_is_the_slope_of_the_cumulative():
    found = lsgeo.chebyshev_density(
        lsgeo.dense(oracles.prescribed(np.r_[np.zeros(60), np.linspace(1, 9, 10)])),
        key=KEY,
        num_moments=40,
    )
    x = np.linspace(found.low, found.high, 20001)
    # Between the points: at the very ends the density is infinite, and rounding decides whether it is seen.
    density = found.density((x[1:] + x[:-1]) / 2)
    assert density.min() > -1e-12
    sums = np.concatenate([[0], np.cumsum(np.diff(x) * density)])
    np.testing.assert_allclose(found.cumulative(x), sums, atol=1e-3)
    np.testing.assert_allclose(found.cumulative(np.array([-99.0, 99.0])), [0, 1], atol=1e-12)
    np.testing.assert_array_equal(found.density(np.array([-99.0, 99.0])), 0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    ("values", "points", "shares"),
    [
        (np.ones(70), [0.9, 1.1], [0, 1]),
        (np.zeros(70), [-0.5, 0.5], [0, 1]),
        (np.r_[np.zeros(69), 1.0], [-0.2, 0.5], [0, 69 / 70]),
        (np.r_[np.ones(35), -np.ones(35)], [-1.3, 0, 1.3], [0, 0.5, 1]),
        (np.array([3.0]), [2.0, 4.0], [0, 1]),
        (np.array([-1.0, 2.0]), [-1.3, 2.3], [0, 1]),
    ],
    ids=["identity", "zero", "rank one", "plus and minus one", "one row", "two rows"],
)
def test_degenerate_operators_have_a_density_without_nan(values, points, shares, dtype):
    op = lsgeo.dense(jnp.asarray(oracles.prescribed(values), dtype))
    found = lsgeo.chebyshev_density(op, key=KEY, num_probes=8, num_moments=64)
    assert np.isfinite(found.density(np.linspace(-3, 3, 50))).all()
    # Four standard errors of a share of one half.
    spread = 4 * np.sqrt(0.5 / (len(values) + 2) / 8)
    allowed = np.where(np.isin(shares, [0, 1]), 0.01, spread)
    assert np.all(np.abs(found.cumulative(np.array(points)) - shares) <= allowed)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_density_of_a_scaled_operator_is_the_scaled_density(scale, dtype):
    matrix = oracles.prescribed(np.linspace(-1, 3, 70))
    plain, scaled = (
        lsgeo.chebyshev_density(
            lsgeo.dense(jnp.asarray(s * matrix, dtype)), key=KEY, num_probes=2, num_moments=30
        )
        for s in (1.0, scale)
    )
    x = np.linspace(-1.2, 3.2, 30)
    tolerance = 1e3 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        scaled.cumulative(scale * x), plain.cumulative(x), rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(scaled.moments, plain.moments, atol=tolerance)


def test_eigenvalue_outside_the_interval_is_loud():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 3, 70)))
    with pytest.raises(ValueError, match=r"an eigenvalue lies outside \[-1, 2\].*wider"):
        lsgeo.chebyshev_density(op, key=KEY, num_probes=2, num_moments=60, interval=(-1.0, 2.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_probes": 0}, "`num_probes` must be an integer of at least 1; got 0"),
        ({"num_moments": 1}, "`num_moments` must be an integer of at least 2; got 1"),
        ({"key": 3}, "`key` must be one typed random key"),
        ({"interval": (1.0, 1.0)}, r"`interval` must be \(low, high\), finite and ascending"),
        ({"interval": (0.0, np.nan)}, r"`interval` must be \(low, high\), finite and ascending"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.chebyshev_density(lsgeo.dense(jnp.eye(3)), **{"key": KEY, **arguments})


def test_power_beyond_the_moments_is_refused_and_so_is_a_product_that_is_not_finite():
    found = lsgeo.chebyshev_density(lsgeo.dense(jnp.eye(3)), key=KEY, num_moments=4)
    with pytest.raises(ValueError, match="`k` must be below the 4 moments that were taken; got 4"):
        found.moment(4)
    calls = []

    def matvec(v):
        calls.append(1)
        return v * (jnp.nan if len(calls) > 8 else 2.0) * jnp.arange(1.0, 71.0)

    with pytest.raises(ValueError, match="the product of `op` was not finite"):
        lsgeo.chebyshev_density(lsgeo.from_matvec(matvec, jnp.ones(70)), key=KEY)

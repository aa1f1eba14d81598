"""Laws fitted to drawn matrices whose bulk and outliers are known."""

import jax
import numpy as np
import pytest

import lsgeo
from lsgeo.results import DoesNotApplyError
from tests import oracles

N = 300


def spiked(kind):
    rng = np.random.default_rng(0)
    if kind == "semicircle":
        a = rng.standard_normal((N, N))
        bulk, edges = (a + a.T) / np.sqrt(2 * N), (-2.0, 2.0)
    else:
        x = rng.standard_normal((2 * N, N))
        bulk, edges = x.T @ x / (2 * N), ((1 - np.sqrt(0.5)) ** 2, (1 + np.sqrt(0.5)) ** 2)
    directions, _ = np.linalg.qr(rng.standard_normal((N, 10)))
    return bulk + (directions * np.linspace(8, 40, 10)) @ directions.T, edges


@pytest.mark.parametrize("kind", ["semicircle", "marchenko-pastur"])
def test_ten_spikes_over_a_bulk_are_ten_outliers_and_the_edge_is_within_five_percent(kind):
    matrix, edges = spiked(kind)
    values = np.linalg.eigvalsh(matrix)
    fits = [lsgeo.fit_bulk(oracles.sampled(values, 16, seed, steps=40), kind) for seed in range(3)]
    for fit in fits:
        np.testing.assert_allclose(fit.edges, edges, atol=0.05 * (edges[1] - edges[0]))
        assert fit.above.value == fit.above.lower == 10 and fit.above.upper < 25
        assert (fit.below.value, fit.below.upper) == (0, 0)
        assert fit.misfit < 0.01


def test_fit_through_an_operator_in_float32_counts_the_same():
    matrix, edges = spiked("semicircle")
    op = lsgeo.dense(matrix.astype(np.float32))
    density = lsgeo.spectral_density(op, key=jax.random.key(0), num_probes=2, num_steps=50)
    fit = lsgeo.fit_bulk(density, "semicircle")
    assert fit.above.value == 10 and abs(fit.edges[1] - edges[1]) < 0.1
    assert "outliers above: 10" in str(fit) and "100 products" in str(fit)


def semicircle_of(count):
    """The law's quantiles on [-1, 1]."""
    law, x = lsgeo.semicircle(1.0), np.linspace(-1, 1, 4001)
    return np.interp((np.arange(count) + 0.5) / count, law.cumulative(x), x)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_fit_scales_with_the_operator(scale):
    values = np.r_[semicircle_of(80), 7.0]
    plain = lsgeo.fit_bulk(oracles.sampled(values, 2, 0, steps=20), "semicircle")
    density = oracles.sampled(scale * values, 2, 0, steps=20)
    density = lsgeo.SpectralDensity(density.nodes, density.weights, 81, scale * 1e-13, 40)
    fit = lsgeo.fit_bulk(density, "semicircle")
    np.testing.assert_allclose(fit.edges, scale * np.array(plain.edges))
    assert fit.above.value == plain.above.value == 1


def test_bulk_of_another_shape_has_a_large_misfit_and_no_outliers():
    for outliers in ([], [9.0, 10.0]):
        two = oracles.sampled(np.r_[-np.ones(50), np.ones(50), outliers], 2, 0)
        fit = lsgeo.fit_bulk(two, "semicircle")
        assert fit.misfit > 0.1 > 2 * fit.allowed and not fit.fits
        assert np.isnan(fit.above.value) and (fit.above.lower, fit.above.upper) == (
            0,
            fit.above.span,
        )


def drawn(kind, rng, n):
    """A spectrum of a random matrix, with 4 % of outliers where its law is to be found again."""
    spikes = n // 25
    directions, _ = np.linalg.qr(rng.standard_normal((n, spikes)))
    if kind == "marchenko-pastur":
        x = rng.standard_normal((2 * n, n))
        return np.linalg.eigvalsh(
            x.T @ x / (2 * n) + (directions * np.linspace(8, 40, spikes)) @ directions.T
        )
    a = rng.standard_normal((n, n))
    a = (a + a.T) / np.sqrt(2 * n)
    if kind == "semicircle":
        a = a + (directions * np.linspace(4, 20, spikes)) @ directions.T
    shift = {"semicircle": 0.0, "indefinite": 0.0, "half negative": 0.5}[kind]
    return np.linalg.eigvalsh(a) + shift


@pytest.mark.parametrize("kind", ["marchenko-pastur", "semicircle"])
def test_law_that_holds_is_found_with_its_outliers_for_every_one_of_twenty_keys(kind):
    for seed in range(20):
        values = drawn(kind, np.random.default_rng(seed), 100)
        fit = lsgeo.fit_bulk(oracles.sampled(values, 8, seed, steps=40), kind)
        assert fit.fits, seed
        assert fit.above.lower <= 4 <= fit.above.upper and abs(fit.above.value - 4) <= 1


@pytest.mark.parametrize("kind", ["indefinite", "half negative"])
@pytest.mark.parametrize(("probes", "steps"), [(1, 20), (8, 40)])
def test_marchenko_and_pastur_name_no_outliers_of_an_indefinite_spectrum(kind, probes, steps):
    for seed in range(20):
        values = drawn(kind, np.random.default_rng(seed), 100)
        density = oracles.sampled(values, probes, seed, steps=steps)
        try:
            fit = lsgeo.fit_bulk(density)
        except DoesNotApplyError as error:
            assert 'Pass reference="semicircle"' in str(error)
            continue
        assert not fit.fits and np.isnan([fit.above.value, fit.below.value]).all()
        assert "no law fits, no outliers: Marchenko-Pastur" in str(fit)
        assert f"misfit {fit.misfit:.2g}" in str(fit) and "outliers above" not in str(fit)


def test_marchenko_and_pastur_keep_the_atom_at_zero_in_the_bulk():
    x = np.random.default_rng(1).standard_normal((100, N))
    fit = lsgeo.fit_bulk(oracles.sampled(np.linalg.eigvalsh(x.T @ x / 100), 32, 0, steps=40))
    assert abs(fit.law.ratio - 3) < 0.3 and abs(fit.edges[1] - 7.46) < 0.37
    assert fit.misfit < 0.01
    assert fit.above.upper == fit.below.upper == 0


@pytest.mark.parametrize(
    ("values", "arguments", "message"),
    [
        ([1.0, 2.0], {"reference": "wigner"}, "`reference` must be one of marchenko-pastur, semi"),
        ([-1.0, 0.5], {}, 'bulk of mean.*Pass reference="semicircle"'),
        ([2.0, 2.0], {}, "`density` has a bulk that is one point, 2: there is no edge"),
        ([0.0, 0.0], {"reference": "semicircle"}, "`density` has a bulk that is one point, 0"),
        ([1.0, 2.0], {"margin": 0.0}, "`margin` must be positive"),
        ([1.0, 2.0], {"confidence": 1.0}, "`confidence` must lie strictly"),
    ],
)
def test_bulk_that_cannot_be_fitted_is_refused(values, arguments, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.fit_bulk(oracles.sampled(np.array(values), 1, 0), **arguments)


def test_operator_instead_of_its_density_is_refused():
    with pytest.raises(ValueError, match="`density` must be a SpectralDensity; got Dense"):
        lsgeo.fit_bulk(lsgeo.dense(np.eye(3)))

"""The torture set: matrices on which published tools invent, repeat or lose eigenvalues."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(1)
SCALES = (1e-12, 1e-8, 1.0, 1e4, 1e12)
SPECTRA = {
    "rank three": np.r_[1, 2, 3, np.zeros(97)],
    "plus and minus one": np.r_[np.ones(50), -np.ones(50)],
    "ten spikes over a bulk": np.r_[np.linspace(-1, 1, 290), np.linspace(5, 50, 10)],
    "triple top eigenvalue": np.r_[np.linspace(-1, 1, 297), 10, 10, 10],
    "negative definite": -np.linspace(1, 2, 200),
    "condition number 1e10": np.logspace(-10, 0, 200),
    "zero": np.zeros(80),
    "one row": np.array([3.0]),
    "two rows": np.array([-1.0, 2.0]),
}


def _matrix(name, scale, dtype):
    return jnp.asarray(scale * oracles.prescribed(SPECTRA[name]), dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_are_found_as_often_as_they_occur_at_every_scale(name, dtype):
    values = np.sort(SPECTRA[name])
    expected = values if len(values) <= 10 else np.r_[values[:5], values[-5:]]
    largest = np.abs(values).max()
    for scale in SCALES:
        op = lsgeo.dense(_matrix(name, scale, dtype))
        pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=5, bottom=5, tol=1e-3)
        assert pairs.converged.all()
        # Within a residual r of each value there is an eigenvalue; where neighbours are closer than the
        # tolerance, which of them it is may stay open. The matrix itself is rounded to its dtype.
        rounding = 20 * np.finfo(dtype).eps * largest
        allowed = np.maximum(pairs.residuals / scale, 1e-3 * largest)
        assert np.all(np.abs(pairs.values / scale - expected) <= allowed + rounding)
        nearest = np.abs(pairs.values[:, None] / scale - values).min(axis=1)
        assert np.all(nearest <= pairs.residuals / scale + rounding)
        assert np.all(pairs.residuals <= 1e-3 * largest * scale + rounding * scale)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    "name", ["rank three", "plus and minus one", "zero", "triple top eigenvalue"]
)
def test_residuals_are_those_of_the_returned_vectors(name, dtype):
    matrix = oracles.prescribed(SPECTRA[name])
    op = lsgeo.dense(jnp.asarray(matrix, dtype))
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=2)
    vectors = np.asarray(pairs.vectors, np.float64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    true = np.linalg.norm(matrix @ vectors.T - vectors.T * pairs.values, axis=0)
    floor = 20 * np.finfo(dtype).eps * max(1, np.abs(matrix).max())
    assert np.all(true <= 2 * pairs.residuals + floor)
    assert np.all(pairs.residuals <= 2 * true + floor)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_density_of_a_rank_three_matrix_has_nodes_one_two_three_and_zero_alone(dtype):
    op = lsgeo.dense(_matrix("rank three", 1.0, dtype))
    density = lsgeo.spectral_density(op, key=KEY, num_probes=4, num_steps=20)
    tolerance = 1e3 * np.finfo(dtype).eps
    seen = density.nodes[density.weights > 0]
    assert np.abs(seen[:, None] - np.array([0, 1, 2, 3])).min(axis=1).max() < tolerance
    np.testing.assert_allclose(density.weights.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_density_of_the_identity_ends_after_one_step_and_has_no_nan(dtype):
    density = lsgeo.spectral_density(lsgeo.dense(jnp.eye(70, dtype=dtype)), key=KEY, num_steps=9)
    np.testing.assert_allclose(density.nodes, 1, rtol=1e-6)
    np.testing.assert_array_equal(density.weights, np.eye(1, 9).repeat(8, axis=0))


def test_each_of_ten_spikes_appears_once_after_a_hundred_steps():
    op = lsgeo.dense(_matrix("ten spikes over a bulk", 1.0, jnp.float32))
    density = lsgeo.spectral_density(op, key=KEY, num_probes=2, num_steps=100)
    for nodes in density.nodes:
        assert np.sum(nodes > 2) == 10
        np.testing.assert_allclose(nodes[nodes > 2], np.linspace(5, 50, 10), rtol=1e-5)


def test_block_diagonal_matrix_with_an_invariant_block_is_found_whole():
    # Each block is a multiple of the identity: every Krylov space is exhausted after three steps.
    matrix = np.diag(np.repeat([-1.0, 2.0, 5.0], [30, 40, 30]))
    pairs = lsgeo.extreme_eigenpairs(lsgeo.dense(matrix), key=KEY, top=32, bottom=31)
    np.testing.assert_allclose(pairs.values, np.repeat([-1, 2, 5], [30, 3, 30]), atol=1e-10)


def test_scalar_chain_whose_only_negative_eigenvalue_is_the_largest_in_magnitude():
    loss, params, batch, simple, repeated = oracles.scalar_chain(4, 0.7, 1.3)
    pairs = lsgeo.extreme_eigenpairs(lsgeo.hessian(loss, params, batch), key=KEY, top=1, bottom=1)
    np.testing.assert_allclose(pairs.values, [-1.087457, 0.519351], atol=1e-6)
    np.testing.assert_allclose(pairs.values, [simple, repeated], atol=1e-12)


def test_asking_for_more_than_there_is_returns_the_whole_spectrum():
    values = np.array([-3.0, 1.0, 1.0, 4.0])
    op = lsgeo.dense(oracles.prescribed(values))
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=3)
    np.testing.assert_allclose(pairs.values, values, atol=1e-12)


def test_search_that_is_cut_short_says_that_it_has_not_converged():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 1, 300)))
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=3, tol=1e-8, max_matvecs=64)
    assert not pairs.converged.any()
    assert np.all(pairs.residuals > 1e-8)


def test_x64_flag_is_as_it_was_after_every_call():
    with jax.enable_x64(False):
        op = lsgeo.dense(jnp.eye(3, dtype=jnp.float32))
        lsgeo.extreme_eigenpairs(op, key=KEY)
        lsgeo.spectral_density(op, key=KEY)
        assert not jax.config.jax_enable_x64

"""Warm starts, places and the cost of the search. Oracles: prescribed spectra, counted products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(2)
N = 600
VALUES = np.r_[np.linspace(-1, 1, N - 10), np.linspace(5, 50, 10)]


def _diagonal(values, calls=None):
    product = jax.jit(lambda v: jnp.asarray(values) * v)

    def matvec(v):
        if calls is not None:
            calls.append(1)
        return product(v)

    return lsgeo.from_matvec(matvec, jnp.ones(len(values)))


def _ends(values, top=5, bottom=5):
    values = np.sort(values)
    return np.r_[values[:bottom], values[-top:]]


def test_number_of_products_is_the_number_of_calls():
    calls = []
    op = _diagonal(VALUES, calls)
    calls.clear()
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=1)
    assert pairs.num_matvecs == len(calls)


def test_ten_outliers_over_a_bulk_take_at_most_80_products_for_ten_keys():
    op = _diagonal(VALUES)
    for seed in range(10):
        pairs = lsgeo.extreme_eigenpairs(op, key=jax.random.key(seed), top=5, bottom=5)
        assert pairs.converged.all()
        assert pairs.num_matvecs <= 80
        np.testing.assert_allclose(pairs.values[5:], VALUES[-5:], rtol=1e-9)


def test_copies_are_found_for_twenty_keys():
    values = np.r_[np.linspace(-1, 1, N - 6), 8, 8, 8, 10, 10, -3]
    op = _diagonal(values)
    for seed in range(20):
        pairs = lsgeo.extreme_eigenpairs(op, key=jax.random.key(seed), top=5, bottom=2)
        assert pairs.converged.all()
        np.testing.assert_allclose(pairs.values, _ends(values, 5, 2), atol=1e-2)
        np.testing.assert_allclose(pairs.values[2:], [8, 8, 8, 10, 10], atol=1e-5)


@pytest.mark.parametrize("basis", ["device", "host"])
def test_restarts_in_a_small_basis_reach_the_same_pairs(basis):
    values = np.r_[np.linspace(-1, 1, 300), 1.2, 1.2]
    pairs = lsgeo.extreme_eigenpairs(
        _diagonal(values), key=KEY, top=3, bottom=1, basis=basis, basis_size=16
    )
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, [-1, 1, 1.2, 1.2], atol=1.2e-3)
    rows = np.asarray(pairs.vectors)
    true = np.linalg.norm(rows * values - pairs.values[:, None] * rows, axis=1)
    np.testing.assert_allclose(pairs.residuals, true, rtol=1, atol=1e-13)


def test_vectors_of_the_checkpoint_before_save_products():
    rng = np.random.default_rng(0)
    before = _diagonal(VALUES)
    change = rng.standard_normal((N, 3)) / np.sqrt(N)
    after = lsgeo.from_matvec(
        lambda v: jnp.asarray(VALUES) * v + 0.3 * (change @ (change.T @ v)), jnp.ones(N)
    )
    truth = _ends(np.linalg.eigvalsh(np.diag(VALUES) + 0.3 * change @ change.T))
    old = lsgeo.extreme_eigenpairs(before, key=KEY, top=5, bottom=5)
    cold = lsgeo.extreme_eigenpairs(after, key=KEY, top=5, bottom=5)
    warm = lsgeo.extreme_eigenpairs(after, key=KEY, top=5, bottom=5, start=old.vectors)
    assert warm.converged.all()
    assert np.abs(warm.values - truth).max() < 1.5e-3 * 50
    assert warm.num_matvecs < cold.num_matvecs


@pytest.mark.parametrize("bad", ["zero", "repeated", "inner"])
def test_bad_start_vectors_do_no_harm(bad):
    rows = {
        "zero": np.zeros((2, N)),
        "repeated": np.ones((3, N)),
        "inner": np.eye(N)[[100, 200]],  # exact eigenvectors from within the spectrum
    }[bad]
    pairs = lsgeo.extreme_eigenpairs(
        _diagonal(VALUES), key=KEY, top=5, bottom=1, start=jnp.asarray(rows)
    )
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, _ends(VALUES, 5, 1), atol=0.05)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (jnp.ones(N), "`start` must have the structure of the parameters"),
        (jnp.ones((2, N + 1)), "`start` must have the structure of the parameters"),
        (jnp.ones((0, N)), "`start` must have the structure of the parameters"),
        ({"w": jnp.ones((2, N))}, "`start` must have the structure of the parameters"),
        (jnp.full((2, N), jnp.nan), "`start` has a NaN"),
    ],
)
def test_start_that_does_not_fit_is_named(start, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.extreme_eigenpairs(_diagonal(VALUES), key=KEY, start=start)


def test_no_basis_means_no_eigenpairs():
    with pytest.raises(ValueError, match='`basis` "none" keeps no vectors'):
        lsgeo.extreme_eigenpairs(lsgeo.dense(oracles.prescribed([1.0, 2.0])), key=KEY, basis="none")

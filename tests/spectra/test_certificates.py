"""Brackets of the lowest eigenvalue against prescribed spectra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles


def test_bracket_encloses_the_lowest_eigenvalue_for_100_keys():
    values = np.r_[-0.05, np.linspace(0, 1, 119)]
    op = lsgeo.dense(jnp.asarray(oracles.prescribed(values)))
    outside = 0
    for seed in range(100):
        found = lsgeo.negative_curvature(op, key=jax.random.key(seed), num_steps=20)
        assert found.value >= -0.05 - 1e-12  # a Rayleigh quotient is never lower: certain
        outside += found.lower_bound > -0.05
    assert outside <= 4  # 1 % nominal; P(more than 4 of 100) < 0.004


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_positive_definite_matrix_has_no_certified_negative_curvature(scale):
    op = lsgeo.dense(scale * oracles.prescribed(np.linspace(0.5, 1, 120)))
    found = lsgeo.negative_curvature(op, key=jax.random.key(0))
    assert not found.certified
    assert found.value > 0
    assert found.lower_bound > 0.4 * scale


def test_vector_has_the_reported_rayleigh_quotient_and_residual():
    matrix = oracles.prescribed(np.r_[-3, np.linspace(-1, 2, 119)])
    found = lsgeo.negative_curvature(lsgeo.dense(matrix), key=jax.random.key(0))
    v = np.asarray(found.vector)
    np.testing.assert_allclose(v @ v, 1, rtol=1e-12)
    np.testing.assert_allclose(v @ matrix @ v, found.value, rtol=1e-10)
    np.testing.assert_allclose(
        np.linalg.norm(matrix @ v - found.value * v), found.residual, atol=1e-12
    )
    assert found.certified


def test_too_few_steps_give_no_lower_bound_instead_of_a_wrong_one():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 1, 120)))
    assert lsgeo.negative_curvature(op, key=jax.random.key(0), num_steps=3).lower_bound == -np.inf


def test_small_matrix_is_bracketed_to_rounding():
    found = lsgeo.negative_curvature(lsgeo.dense(np.diag([-2.0, 0.0, 5.0])), key=jax.random.key(0))
    assert found.value - found.lower_bound < 1e-12
    np.testing.assert_allclose(found.value, -2, rtol=1e-12)


def test_exhausted_krylov_space_gives_a_tight_bracket():
    op = lsgeo.dense(np.diag(np.repeat([-1.0, 1.0], 60)))
    found = lsgeo.negative_curvature(op, key=jax.random.key(0))
    np.testing.assert_allclose([found.lower_bound, found.value], -1, atol=1e-10)


def test_failure_probability_out_of_range_is_named():
    with pytest.raises(
        ValueError, match="`failure_probability` must lie strictly between 0 and 1; got 0"
    ):
        lsgeo.negative_curvature(
            lsgeo.dense(jnp.eye(3)), key=jax.random.key(0), failure_probability=0
        )

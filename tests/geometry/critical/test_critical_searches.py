"""Searches for critical points, held to points that are known and to solvers of others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import minres

import lsgeo
from lsgeo import geometry
from lsgeo.geometry.critical import search
from lsgeo.geometry.critical._krylov import krylov, minimal_residual
from tests import oracles

KEY = jax.random.key(0)
SEARCHES = (
    geometry.newton_mr,
    geometry.minimize_gradient_norm,
    geometry.saddle_free_newton,
)
SIGNS = np.r_[-np.ones(3), np.ones(9)] * np.linspace(1.0, 2.0, 12)
PLANTED = np.linspace(-1.0, 1.0, 12)


def quartic(w, scale):
    # A saddle of index 3 in the middle of 8 minima, where the three coordinates are off by their root.
    z = w - PLANTED
    return scale * (5 + jnp.sum(SIGNS * z**2) / 2 + jnp.sum(z[:3] ** 4) / 4 + jnp.sum(z[3:]) ** 4)


def flat(w, batch):
    # ||g|| is least, 0.1, at w[1] = 0, where the Hessian is diag(1, 0) and the loss falls along w[1].
    return 1.0 + w[0] ** 2 / 2 + w[1] ** 3 / 3 + 0.1 * w[1]


def start():
    return jnp.asarray(PLANTED + np.random.default_rng(1).normal(size=12) * 0.05)


@pytest.mark.parametrize(
    ("find", "scale"),
    [
        (geometry.newton_mr, 1e-12),
        (geometry.newton_mr, 1e12),
        (geometry.minimize_gradient_norm, 1e12),
    ],
)
def test_planted_saddle_is_found_with_its_index_at_every_scale_of_the_loss(find, scale):
    found = find(quartic, start(), jnp.asarray(scale))
    assert found.converged and found.reason == search.CONVERGED
    np.testing.assert_allclose(found.params, PLANTED, atol=1e-5)
    point = lsgeo.classify_critical_point(quartic, found.params, jnp.asarray(scale), key=KEY)
    assert (point.kind, point.index) == ("saddle", 3)
    one = find(quartic, start(), jnp.asarray(1.0))
    assert abs(len(found.losses) - len(one.losses)) <= 1
    np.testing.assert_allclose(found.losses[0], one.losses[0] * scale)
    assert len(found.losses) == len(found.gradient_norms) < 60


def test_saddle_free_newton_leaves_the_planted_saddle_for_a_minimum():
    found = geometry.saddle_free_newton(quartic, start(), jnp.asarray(1.0))
    assert found.converged
    np.testing.assert_allclose(
        np.abs(found.params - PLANTED), np.sqrt(np.maximum(-SIGNS, 0)), atol=1e-5
    )
    np.testing.assert_allclose(found.loss, 5 - np.sum(SIGNS[:3] ** 2) / 4)
    point = lsgeo.classify_critical_point(quartic, found.params, jnp.asarray(1.0), key=KEY)
    assert (point.kind, point.index) == ("minimum", 0)


def test_saddle_free_step_on_a_quadratic_ends_positive_and_doubles_negative_coordinates():
    curvatures = jnp.array([-3.0, -0.5, 1.0, 8.0])
    found = geometry.saddle_free_newton(
        lambda w, c: 1 + jnp.sum(c * w**2) / 2, jnp.ones(4), curvatures, num_steps=1
    )
    # The damping, 1e-6 of the largest curvature, is left over.
    np.testing.assert_allclose(found.params, [2, 2, 0, 0], atol=2e-5)
    assert found.reason == search.EXHAUSTED and found.num_matvecs == 4


@pytest.mark.parametrize("find", SEARCHES[:2], ids=lambda find: find.__name__)
def test_search_that_ends_gradient_flat_says_so_and_is_classified_so(find):
    found = find(flat, jnp.array([0.3, 1.0]))
    assert not found.converged
    assert found.reason in (search.FLAT, search.STALLED, search.EXHAUSTED)
    np.testing.assert_allclose(found.gradient_norm, 0.1, rtol=1e-4)
    point = lsgeo.classify_critical_point(flat, found.params, key=KEY, flat_tol=1e-2)
    assert point.kind == "gradient-flat"


def test_newton_mr_ends_where_the_gradient_is_in_the_kernel_exactly():
    found = geometry.newton_mr(flat, jnp.array([0.0, 0.0]))
    assert found.reason == search.FLAT and len(found.losses) == 1


@pytest.mark.parametrize("find", SEARCHES, ids=lambda find: find.__name__)
def test_search_from_a_critical_point_ends_at_once(find):
    loss, params, batch, _, _ = oracles.scalar_chain(2, 0.0, 1.0)
    found = find(loss, params, batch)
    assert found.converged and found.num_matvecs == 0 and len(found.losses) == 1


def test_step_is_that_of_another_minres_and_of_the_pseudo_inverse():
    matrix = oracles.prescribed(np.r_[-3.0, -1.0, np.zeros(3), np.linspace(0.5, 4, 7)])
    vector = np.random.default_rng(2).normal(size=12)
    size = float(np.linalg.norm(vector))
    space = krylov(lsgeo.dense(matrix), jnp.asarray(vector), size, 5)
    weights, residual, promise = minimal_residual(space, 0.0)
    other, _ = minres(matrix, -vector, maxiter=5, rtol=1e-15)
    np.testing.assert_allclose(space.combine(weights), other, rtol=1e-9)
    np.testing.assert_allclose(residual, np.linalg.norm(matrix @ other + vector))
    np.testing.assert_allclose(promise, (matrix @ other) @ vector)
    # The system has no solution: three of its dimensions are the kernel's.
    whole = krylov(lsgeo.dense(matrix), jnp.asarray(vector), size, 100)
    weights, residual, _ = minimal_residual(whole, 1e-10)
    inverse = np.linalg.pinv(matrix, rcond=1e-10)
    np.testing.assert_allclose(whole.combine(weights), -inverse @ vector, atol=1e-8)
    left = np.linalg.norm(vector - matrix @ (inverse @ vector))
    np.testing.assert_allclose(residual, left)
    assert left > 0.1


def test_bad_arguments_are_named():
    for options, text in (
        ({"tol": 0}, "`tol` must lie strictly between 0 and 1; got 0"),
        ({"num_steps": 0}, "`num_steps` must be an integer of at least 1; got 0"),
        ({"inner_steps": 0}, "`inner_steps` must be an integer of at least 1; got 0"),
        ({"inner_tol": 2.0}, "`inner_tol` must lie strictly between 0 and 1; got 2.0"),
    ):
        with pytest.raises(ValueError, match=text):
            geometry.newton_mr(flat, jnp.ones(2), **options)

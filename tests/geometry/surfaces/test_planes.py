"""Oracles: quadratics with a known spectrum, and points laid by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import trees
from lsgeo.geometry import (
    direction_towards,
    eigenvector_directions,
    gradient_direction,
    orthogonal,
    plane_through,
    project,
    slice_along,
    surface,
)

SHAPES = {"a": {"kernel": (5, 3), "bias": (3,)}, "b": {"kernel": (3, 2)}}
EIGENVALUES = np.array([-3.0, -1.0, *np.linspace(0.1, 1.0, 18), 2.0, 4.0, 9.0, 9.5])


def tree(seed, dtype=jnp.float64):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda shape: jnp.asarray(rng.normal(size=shape), dtype),
        SHAPES,
        is_leaf=lambda node: isinstance(node, tuple),
    )


def flat(value):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(value)]).astype(float)


def quadratic():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
    matrix = (basis * EIGENVALUES[None]) @ basis.T

    def loss(params, shift):
        w = trees.ravel(trees.space_of(params), params)
        return 0.5 * w @ jnp.asarray(matrix) @ w + shift

    return matrix, loss


def test_eigenvectors_keep_their_right_angles_and_rayleigh_quotients():
    matrix, loss = quadratic()
    found, pairs = eigenvector_directions(
        loss, tree(1), 0.0, key=jax.random.key(0), top=2, bottom=2
    )
    columns = np.stack([flat(direction) for direction in found], axis=1)
    np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.diag(columns.T @ matrix @ columns), [9.5, 9, -3, -1], rtol=1e-8)
    np.testing.assert_allclose(pairs.values, [-3, -1, 9, 9.5], rtol=1e-8)


def test_the_loss_along_an_eigenvector_curves_by_its_eigenvalue():
    matrix, loss = quadratic()
    centre = tree(1)
    found, _ = eigenvector_directions(loss, centre, 0.0, key=jax.random.key(0))
    ts = np.linspace(-2, 2, 5)
    for direction, value in zip(found, (9.5, -3.0), strict=True):
        losses = slice_along(loss, centre, 0.0, [direction], axes=[ts]).values
        slope = flat(direction) @ matrix @ flat(centre)
        expected = losses[2] + slope * ts + value * ts**2 / 2
        np.testing.assert_allclose(losses, expected, rtol=1e-9, atol=1e-9)


def test_gradient_of_a_quadratic_is_its_matrix_times_the_point():
    matrix, loss = quadratic()
    direction, slope = gradient_direction(loss, tree(2), 1.0)
    exact = matrix @ flat(tree(2))
    np.testing.assert_allclose(slope, np.linalg.norm(exact), rtol=1e-12)
    np.testing.assert_allclose(flat(direction), exact / np.linalg.norm(exact), rtol=1e-10)


def test_the_way_to_another_network_ends_at_its_loss_and_projects_to_one():
    _, loss = quadratic()
    one, other = tree(3), tree(4)
    step = direction_towards(one, other)
    losses = slice_along(loss, one, 0.0, [step], axes=[[0.0, 0.5, 1.0]]).values
    assert losses[0] == jax.jit(loss)(one, 0.0)
    # one + (other - one) is the other network but for two roundings of each weight.
    np.testing.assert_allclose(losses[2], loss(other, 0.0), rtol=1e-13)
    places, distance = project(other, one, [step])
    np.testing.assert_allclose(places, [1.0], rtol=1e-14)
    assert distance < 1e-13


def test_projection_of_a_multiple_is_that_multiple_for_directions_of_any_length_and_angle():
    centre, long = tree(5), jax.tree.map(lambda leaf: 30 * leaf, tree(6))
    skewed = jax.tree.map(lambda a, b: 0.01 * a + 0.1 * b, long, tree(7))
    aside = orthogonal(orthogonal(tree(8), long), orthogonal(skewed, long))
    point = jax.tree.map(lambda w, a, b, c: w + 0.7 * a - 4 * b + c, centre, long, skewed, aside)
    places, distance = project(point, centre, [long, skewed])
    np.testing.assert_allclose(places, [0.7, -4.0], rtol=1e-12)
    np.testing.assert_allclose(distance, np.linalg.norm(flat(aside)), rtol=1e-12)


def test_a_plane_through_three_points_has_orthonormal_directions_and_their_losses_at_its_corners():
    _, loss = quadratic()
    points = [tree(seed) for seed in (9, 10, 11)]
    plane = plane_through(*points)
    columns = np.stack([flat(direction) for direction in plane.directions], axis=1)
    np.testing.assert_allclose(columns.T @ columns, np.eye(2), atol=1e-14)
    for corner, point in zip(plane.corners, points, strict=True):
        np.testing.assert_allclose(
            flat(points[0]) + columns @ corner, flat(point), rtol=1e-12, atol=1e-13
        )
        found = surface(loss, points[0], 0.0, plane.directions, xs=corner[:1], ys=corner[1:])
        np.testing.assert_allclose(found.values[0, 0], loss(point, 0.0), rtol=1e-11)
    lengths = [np.linalg.norm(flat(p) - flat(points[0])) for p in points]
    np.testing.assert_allclose(np.linalg.norm(plane.corners, axis=1), lengths, rtol=1e-12)
    assert plane.corners[1, 1] == pytest.approx(0, abs=1e-13) and plane.corners[2, 1] > 0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_collinear_points_are_refused_to_the_rounding_of_their_dtype(dtype):
    one, other = tree(12, dtype), tree(13, dtype)
    between = jax.tree.map(lambda a, b: (a + (b - a) / 3).astype(dtype), one, other)
    with pytest.raises(ValueError, match=r"must not lie on one line; the third point is .* off"):
        plane_through(one, other, between)
    off = jax.tree.map(lambda a, b: (a + 1e-3 * b).astype(dtype), between, tree(14, dtype))
    assert plane_through(one, other, off).corners[2, 1] > 0


def test_right_angles_in_many_dimensions_are_right_though_directions_were_nearly_parallel():
    # At 1e5 dimensions a published tool's "orthogonal" directions had a cosine of .99999.
    rng = np.random.default_rng(15)
    one = jnp.asarray(rng.normal(size=100_000), jnp.float32)
    other = one + 1e-3 * jnp.asarray(rng.normal(size=100_000), jnp.float32)
    found = np.asarray(orthogonal(other, one), float)
    cosine = found @ np.asarray(one, float) / np.linalg.norm(found) / np.linalg.norm(one)
    assert abs(cosine) < 1e-6 and np.linalg.norm(found) > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: direction_towards(tree(0), tree(0)), "`other` must differ from `params`"),
        (
            lambda: direction_towards(tree(0), {"a": jnp.ones(2)}),
            "must be parameters of one network",
        ),
        (lambda: plane_through(tree(0), tree(1), tree(1)), "must not lie on one line"),
        (lambda: plane_through(tree(0), tree(0), tree(1)), "`second` must differ"),
        (lambda: project(tree(0), tree(1), [tree(2), tree(2)]), "`directions` must be independent"),
        (
            lambda: project(tree(0), tree(1), [{"a": 0}]),
            r"`directions\[0\]` and `params` .*; their structures are",
        ),
        (
            lambda: gradient_direction(lambda p, b: 0.0 * jnp.sum(p), jnp.ones(2), None),
            "`loss` must have a gradient",
        ),
        (
            lambda: eigenvector_directions(
                lambda p, b: jnp.sum(p**3), jnp.ones(2), None, key=jax.random.key(0), top=2
            ),
            "`top` and `bottom` must be at most 2 together",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()

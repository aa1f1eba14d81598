"""Principal planes of trajectories that are known: planted ones, NumPy's SVD, and a random walk."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import principal_plane, random_walk_shares, surface

SHAPES = {"kernel": (5, 4), "bias": (4,)}
SIZE = 24


def tree(flat, dtype=jnp.float64):
    # Leaves in the order of jax.tree: by name.
    return {
        "bias": jnp.asarray(flat[:4], dtype),
        "kernel": jnp.asarray(flat[4:].reshape(5, 4), dtype),
    }


def flat(params):
    return np.concatenate([np.ravel(params["bias"]), np.ravel(params["kernel"])])


def planted(off=0.0):
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(SIZE, 3)))[0].T
    places = np.array([[3.0, 4.0], [2.0, -1.0], [0.5, 1.0], [-0.3, 0.2], [0.0, 0.0]])
    vectors = rng.normal(size=SIZE)[None, :] + places @ basis[:2]
    vectors[1] += off * basis[2]
    return vectors, basis, places


def test_a_planted_plane_is_recovered_without_error_and_coordinates_give_the_points_back():
    vectors, basis, places = planted()
    plane = principal_plane([tree(vector) for vector in vectors])
    assert np.max(plane.errors) < 1e-14 and np.max(plane.distances) < 1e-14
    assert plane.explained == pytest.approx(1, abs=1e-14) and plane.coordinates.shape == (5, 2)
    found = np.stack([flat(direction) for direction in plane.directions])
    np.testing.assert_allclose(found @ found.T, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(found.T @ found, basis[:2].T @ basis[:2], atol=1e-13)
    np.testing.assert_allclose(plane.coordinates @ found @ basis[:2].T, places, atol=1e-13)
    for vector, place in zip(vectors, plane.coordinates, strict=True):
        np.testing.assert_allclose(flat(plane.point(place)), vector, atol=1e-13)
        np.testing.assert_allclose(plane.project(tree(vector)), place, atol=1e-13)


def test_a_point_lifted_off_a_plane_is_told_at_its_distance():
    # Points symmetric to the lifted one's axis keep the plane: the lift adds a component of its own.
    lift = 1e-3
    corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1], [0, 0]])
    vectors = np.pad(corners * [2.0, 1.0], [(0, 0), (0, 22)])
    vectors[4, 2] = lift
    plane = principal_plane([tree(vector, jnp.float32) for vector in vectors], centre=0)
    # Around the mean the lift is uncorrelated with both axes; from the first corner it is a distance.
    np.testing.assert_allclose(plane.distances, [0, 0, 0, 0, lift], atol=1e-10)
    np.testing.assert_allclose(plane.errors[4], lift / np.sqrt(5 + lift**2), rtol=1e-6)
    assert plane.directions[0]["kernel"].dtype == jnp.float32
    assert 0 < plane.shares[2] < 1e-6 and "of a random walk, 83.5%" in str(plane)


@pytest.mark.parametrize("centre", [-1, 0, 2])
def test_directions_shares_and_distances_are_those_of_numpys_svd(centre):
    vectors = np.cumsum(np.random.default_rng(3).normal(size=(7, SIZE)), axis=0) + 5
    plane = principal_plane([tree(vector) for vector in vectors], centre=centre, count=3)
    middle = vectors - vectors.mean(axis=0)[None, :]
    _, values, right = np.linalg.svd(middle, full_matrices=False)
    np.testing.assert_allclose(plane.shares, (values**2 / np.sum(values**2))[:6], rtol=1e-10)
    for direction, row in zip(plane.directions, right, strict=False):
        np.testing.assert_allclose(abs(flat(direction) @ row), 1, rtol=1e-12)
    steps = vectors - vectors[centre][None, :]
    left = steps - steps @ right[:3].T @ right[:3]
    np.testing.assert_allclose(plane.distances, np.linalg.norm(left, axis=1), atol=1e-12)
    np.testing.assert_allclose(plane.coordinates[centre], 0)
    assert plane.errors[centre] == 0 and np.all(plane.errors <= 1)
    np.testing.assert_allclose(np.abs(plane.coordinates), np.abs(steps @ right[:3].T), atol=1e-12)


def test_shares_of_a_random_walk_are_those_of_its_expected_gram_matrix_and_of_a_walk():
    points, size = 30, 50_000  # A covariance of these parameters would take 20 GB.
    expected = np.minimum.outer(np.arange(points), np.arange(points)).astype(float)
    centring = np.eye(points) - 1 / points
    values = np.linalg.eigvalsh(centring @ expected @ centring)[:0:-1]
    np.testing.assert_allclose(random_walk_shares(points), values / values.sum(), rtol=1e-10)
    np.testing.assert_allclose(random_walk_shares(10_000)[:2] * np.pi**2 / 6, [1, 0.25], rtol=1e-6)
    walk = np.cumsum(np.random.default_rng(1).normal(size=(points, size)), axis=0)
    plane = principal_plane([jnp.asarray(row) for row in walk])
    # Inner products of 50 000 steps scatter by 1 / sqrt(50 000) = 0.4 %.
    np.testing.assert_allclose(plane.shares[:4], random_walk_shares(points)[:4], rtol=0.02)
    # The coordinates of a walk are cosines, from one end to the other.
    cosine = np.cos(np.pi * (np.arange(points) + 0.5) / points)
    assert abs(np.corrcoef(plane.coordinates[:, 0], cosine)[0, 1]) > 0.999


def test_loaders_are_called_once_each_and_give_what_the_points_give():
    vectors, _, _ = planted(off=0.5)
    calls = []

    def loader(number):
        def load():
            calls.append(number)
            return tree(vectors[number])

        return load

    plane = principal_plane(loader(number) for number in range(5))
    assert calls == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(plane.errors, principal_plane(map(tree, vectors)).errors)
    assert plane.errors[1] > 0.01


def test_the_surface_of_the_plane_is_the_loss_of_its_points():
    vectors, _, _ = planted()

    def loss(w, batch):
        return jnp.sum(w["kernel"] ** 2) + jnp.sum(w["bias"])

    plane = principal_plane([tree(vector) for vector in vectors])
    xs, ys = (np.unique(plane.coordinates[:, axis]) for axis in (0, 1))
    ground = surface(loss, plane.centre, None, plane.directions, xs=xs, ys=ys)
    for vector, (x, y) in zip(vectors, plane.coordinates, strict=True):
        there = ground.values[np.searchsorted(ys, y), np.searchsorted(xs, x)]
        np.testing.assert_allclose(there, loss(tree(vector), None), rtol=1e-12)


LINE = [tree(t * np.ones(SIZE)) for t in (0.0, 0.3, 1.0)]


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (LINE, {}, "`points` must span 2 directions; their 1 first principal components hold"),
        (LINE[:1] * 4, {"count": 1}, "`points` must span 1 directions; their 0 first"),
        (LINE[:2], {}, "`points` must be at least 3 for `count`=2 directions; got 2."),
        (LINE, {"count": 0}, "`count` must be an integer of at least 1; got 0."),
        (LINE, {"centre": 3}, "`centre` must be one of the 3 points, -3 to 2; got 3."),
        (
            [*LINE, {"bias": jnp.ones(3)}],
            {},
            "`points[0]` and `points[3]` must be parameters of one",
        ),
        ([*LINE, tree(np.full(SIZE, np.nan))], {}, "`points[3]` has a NaN or an infinity in bias."),
        (SHAPES, {}, "`points[0]` must hold real floating-point arrays; it is str."),
    ],
)
def test_points_without_a_plane_are_refused_by_name(points, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        principal_plane(points, **options)


def test_a_line_of_float32_points_has_one_direction_though_rounding_has_many():
    ends = np.random.default_rng(4).normal(size=(2, SIZE)) + 10
    line = [tree(ends[0] + t * (ends[1] - ends[0]), jnp.float32) for t in np.linspace(0, 1, 9)]
    with pytest.raises(ValueError, match="at most `count`=1"):
        principal_plane(line)
    assert principal_plane(line, count=1).explained > 1 - 1e-10

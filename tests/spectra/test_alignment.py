"""Overlaps and layer shares against constructions whose answer is known."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(0)


def test_gradient_inside_the_subspace_overlaps_fully_and_an_orthogonal_one_not_at_all():
    vectors = {"a": jnp.eye(6)[:2, :4].reshape(2, 2, 2), "b": jnp.zeros((2, 2))}
    inside = {"a": jnp.array([[3.0, -1.0], [0, 0]]), "b": jnp.zeros(2)}
    outside = {"a": jnp.array([[0, 0], [1.0, 2.0]]), "b": jnp.ones(2)}
    half = jax.tree.map(jnp.add, inside, {"a": jnp.zeros((2, 2)), "b": jnp.sqrt(5) * jnp.ones(2)})
    for direction, value in ((inside, 1), (outside, 0), (half, 0.5)):
        np.testing.assert_allclose(
            lsgeo.subspace_overlap(vectors, direction).value, value, atol=1e-14
        )
    # Neither the length of the direction nor the basis of the subspace matters.
    skew = jax.tree.map(lambda v: jnp.stack([v[0] * 1e-9, v[0] + v[1]]), vectors)
    tiny = jax.tree.map(lambda v: v * 1e-200, half)
    np.testing.assert_allclose(lsgeo.subspace_overlap(skew, tiny).value, 0.5, rtol=1e-6)


def test_random_directions_overlap_by_k_over_n_with_the_stated_deviation():
    n, k = 40, 5
    values = []
    for seed in range(100):
        a, b = jax.random.normal(jax.random.key(seed), (2, k, n))
        overlap = lsgeo.principal_overlap(a, b)
        values.append(overlap.value)
    assert abs(np.mean(values) - k / n) < 4 * overlap.chance_deviation / 10
    assert overlap.chance == k / n
    # A standard deviation from 100 values has a relative error of about 1 / sqrt(200) = 0.07.
    assert abs(np.std(values) / overlap.chance_deviation - 1) < 0.28


def test_cosines_are_those_of_the_planted_principal_angles():
    angles = np.array([0.1, 0.5, 1.2])
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((20, 6)))
    first = q[:, :3].T
    second = np.cos(angles)[:, None] * q[:, :3].T + np.sin(angles)[:, None] * q[:, 3:].T
    mixed = np.random.default_rng(1).standard_normal((3, 3)) @ second
    overlap = lsgeo.principal_overlap(jnp.asarray(first), jnp.asarray(mixed))
    np.testing.assert_allclose(overlap.cosines, np.cos(angles), rtol=1e-12)
    np.testing.assert_allclose(overlap.value, np.mean(np.cos(angles) ** 2), rtol=1e-12)


def test_layer_mass_of_the_eigenvectors_of_a_block_operator_sits_in_their_blocks():
    like = {"one": {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}, "two": jnp.ones(3)}

    def matvec(v):
        one = {"kernel": 5 * v["one"]["kernel"].sum() * jnp.ones((2, 2)), "bias": v["one"]["bias"]}
        return {"one": one, "two": -v["two"].sum() * jnp.ones(3)}

    pairs = lsgeo.extreme_eigenpairs(lsgeo.from_matvec(matvec, like), key=KEY)
    leaves = lsgeo.layer_mass(pairs)
    assert set(leaves) == {"one/kernel", "one/bias", "two"}
    np.testing.assert_allclose(leaves["one/kernel"], [0, 1], atol=1e-12)
    np.testing.assert_allclose(leaves["two"], [1, 0], atol=1e-12)
    layers = lsgeo.layer_mass(pairs, depth=1)
    np.testing.assert_allclose(layers["one"], [0, 1], atol=1e-12)
    np.testing.assert_allclose(sum(layers.values()), 1, rtol=1e-14)


LIKE = {"a": jnp.ones((4, 5)), "b": {"c": jnp.ones(15), "d": jnp.ones(25)}}
BLOCKS = (slice(0, 20), slice(20, 35), slice(35, 60))


def _blocked(matrix):
    return lsgeo.hessian(_quadratic, LIKE, jnp.asarray(matrix))


def _quadratic(params, matrix):
    flat = jax.flatten_util.ravel_pytree(params)[0]
    return 0.5 * flat @ matrix @ flat


def test_interval_of_the_block_diagonal_share_covers_in_enough_of_100_keys():
    matrix = oracles.prescribed(np.r_[10, 6, -4, np.linspace(-1, 1, 57)])
    truth = sum(np.sum(matrix[b, b] ** 2) for b in BLOCKS) / np.sum(matrix**2)
    op = _blocked(matrix)
    hits = 0
    for seed in range(100):
        key = jax.random.key(seed)
        found = lsgeo.block_diagonal_share(op, key=key, num_probes=16, num_signs=3)
        low, high = found.interval()
        hits += low <= truth <= high
    assert 90 <= hits <= 99  # nominal 95; with three dominant eigenvalues 93 in the long run
    assert found.num_matvecs == 48
    coarse = (np.sum(matrix[:20, :20] ** 2) + np.sum(matrix[20:, 20:] ** 2)) / np.sum(matrix**2)
    merged = lsgeo.block_diagonal_share(op, key=KEY, depth=1, num_probes=40)
    assert abs(merged.value - coarse) < 4 * merged.standard_error < 0.3


@pytest.mark.parametrize("scale", [1e-150, 1.0])
def test_block_diagonal_operator_has_share_one_without_error_and_the_zero_operator_none(scale):
    matrix = np.zeros((60, 60))
    for i, block in enumerate(BLOCKS):
        matrix[block, block] = scale * oracles.prescribed(np.arange(60)[block], seed=i)
    found = lsgeo.block_diagonal_share(_blocked(matrix), key=KEY, num_probes=4)
    np.testing.assert_allclose([found.value, found.standard_error], [1, 0], atol=1e-12)
    assert np.isnan(lsgeo.block_diagonal_share(_blocked(0 * matrix), key=KEY).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lsgeo.subspace_overlap(jnp.eye(4)[:2], jnp.zeros(4)), "`second` holds a vector"),
        (lambda: lsgeo.subspace_overlap(jnp.eye(4)[:2], jnp.ones(3)), "one structure and, but for"),
        (lambda: lsgeo.principal_overlap(jnp.ones((2, 4)), jnp.eye(4)), "`first` are linearly"),
        (lambda: lsgeo.principal_overlap({}, {}), "`first` is empty"),
        (lambda: lsgeo.layer_mass(jnp.eye(3), depth=0), "`depth` must be None or an integer of at"),
        (
            lambda: lsgeo.block_diagonal_share(lsgeo.dense(jnp.eye(3)), key=KEY, num_probes=1),
            "`num_probes` must be an integer of at least 2; got 1",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

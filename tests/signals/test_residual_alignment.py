"""Residual alignment against planted chains, walks in closed form, and dense singular values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.signals import residual_alignment

KEY = jax.random.key(0)


def planted(left, right, strengths):
    return [lambda h, s=s: s * (h @ right)[:, None] * left[None] for s in strengths]


def test_an_aligned_chain_is_a_line_of_rank_one_with_strength_one_over_depth():
    rng = np.random.default_rng(0)
    depth, n = 6, 20
    u = rng.normal(size=n) / np.sqrt(n)
    u /= np.linalg.norm(u)
    x = jnp.asarray(rng.normal(size=(4, n)))
    for k in (None, 3):
        branches = planted(u, u, [1 / depth] * depth)
        found = residual_alignment(branches, x, key=KEY, num_singular=k)
        np.testing.assert_allclose(found.line, 1.0)
        # The component along u grows by 1 + 1 / L: its correlation with the depth.
        growth = np.corrcoef((1 + 1 / depth) ** np.arange(depth + 1), np.arange(depth + 1))
        np.testing.assert_allclose(found.equispaced, growth[0, 1] ** 2)
        np.testing.assert_allclose(found.alignment, 1.0)
        np.testing.assert_allclose(found.consecutive, 1.0)
        np.testing.assert_allclose(found.singular_values[..., 0], 1 / depth)
        assert (found.ranks == 1).all() and found.residual < 1e-12


def test_left_and_right_vectors_are_told_apart_and_equal_steps_are_equispaced():
    u, v = np.eye(6)[0], np.eye(6)[1]
    # u does not feed v: every step is the same.
    found = residual_alignment(planted(u, v, [0.3] * 5), jnp.ones((2, 6)), key=KEY)
    np.testing.assert_allclose(found.equispaced, 1.0)
    np.testing.assert_allclose(found.alignment, 0.0, atol=1e-12)
    mixed = [*planted(u, v, [1.0]), *planted(v, u, [1.0])]
    found = residual_alignment(mixed, jnp.ones((2, 6)), key=KEY)
    np.testing.assert_allclose(found.alignment, [[0, 1], [1, 0]], atol=1e-12)


def test_a_walk_of_orthogonal_steps_has_the_line_of_the_discrete_cosines():
    depth = 12
    steps = np.eye(depth)
    branches = [lambda h, s=s: jnp.broadcast_to(jnp.asarray(s)[None], h.shape) for s in steps]
    found = residual_alignment(branches, jnp.zeros((1, depth)), key=KEY)
    # Eigenvalues of the centred walk's Gram matrix: 1 / (4 sin^2(pi k / (2 (L + 1)))).
    energies = np.sin(np.pi * np.arange(1, depth + 1) / (2 * depth + 2)) ** -2.0
    np.testing.assert_allclose(found.line, energies[0] / energies.sum())
    # A slope's energy, sum_m (sum_{l >= m} t_l)^2 / sum t^2, over all L (L + 2) / 6.
    t = np.arange(depth + 1) - depth / 2
    tails = np.cumsum(t[::-1])[:-1]
    share = (tails**2).sum() / (t**2).sum() / (depth * (depth + 2) / 6)
    np.testing.assert_allclose(found.equispaced, share)
    assert abs(share - 0.6) < 0.01


def test_random_branches_align_by_chance_and_have_full_rank():
    rng = np.random.default_rng(1)
    depth, n = 16, 24
    branches = [lambda h, w=w: h @ w for w in rng.normal(size=(depth, n, n)) / np.sqrt(n)]
    found = residual_alignment(branches, jnp.ones((1, n)), key=KEY, num_directions=2)
    # The mean of 256 squared cosines of about chi-square law, each of relative deviation 1 for r = 2.
    assert found.left_right.mean() == pytest.approx(found.chance**2, rel=4 / 16)
    assert found.chance == pytest.approx(np.sqrt(2 / n))
    assert found.ranks.min() > 16


def test_products_find_the_dense_jacobians_singular_values_and_vectors():
    rng = np.random.default_rng(2)
    weights = jnp.asarray(rng.normal(size=(3, 8, 8)))
    branches = [lambda h, w=w: jnp.tanh(h.reshape(-1, 8) @ w).reshape(h.shape) for w in weights]
    x = jnp.asarray(rng.normal(size=(5, 2, 4)))
    for adds, steps in ((True, 60), (False, 4)):
        options = {"key": KEY, "adds": adds, "num_directions": 2}
        whole = residual_alignment(branches, x, **options)
        part = residual_alignment(branches, x, num_singular=5, num_steps=steps, **options)
        stream, lefts, rights = x[3:4], [], []
        for number, branch in enumerate(branches):
            jacobian = jax.jacfwd(branch)(stream).reshape(8, 8)
            u, s, v = np.linalg.svd(jacobian)
            lefts.append(u[:, :2])
            rights.append(v[:2].T)
            np.testing.assert_allclose(whole.singular_values[3, number], s, rtol=1e-9)
            np.testing.assert_allclose(part.singular_values[3, number, :2], s[:2], rtol=1e-3)
            np.testing.assert_array_equal(whole.ranks[3, number], (s > 0.1 * s[0]).sum())
            stream = stream + branch(stream) if adds else branch(stream)
        dense = [[(np.linalg.norm(u.T @ v) ** 2) / 2 for v in rights] for u in lefts]
        np.testing.assert_allclose(whole.left_right[3], dense, atol=1e-10)
        assert whole.residual < 1e-12
        if adds:
            np.testing.assert_allclose(part.left_right[3], dense, atol=1e-9)
        else:  # Too few steps, and the residual says so.
            assert part.residual > 1e-8


def test_a_branch_of_zeros_has_no_vectors_and_is_left_out_of_the_means():
    u = np.eye(6)[0]
    branches = [*planted(u, u, [1.0, 0.0, 1.0]), lambda h: jnp.maximum(h, 0) * u[None]]
    x = jnp.asarray(np.stack([np.ones(6), -np.ones(6)]))
    found = residual_alignment(branches, x, key=KEY)
    assert np.isnan(found.left_right[:, 1]).all() and np.isnan(found.left_right[:, :, 1]).all()
    assert np.isnan(found.left_right[1, 0, 3]) and found.ranks.tolist() == [
        [1, 0, 1, 1],
        [1, 0, 1, 0],
    ]
    # One example of two has the last branch.
    assert found.alignment[0, 2:].tolist() == [1.0, 1.0] and np.isnan(found.alignment[0, 1])
    assert found.consecutive[0] == 1.0 and np.isnan(found.consecutive[1])
    assert "consecutive cosine 1 ± nan" in str(found) and "line nan" not in str(found)


def test_bad_chains_are_refused_by_name():
    x = jnp.ones((2, 3))
    for branches, options, message in (
        ([], {}, "`branches` must hold at least one"),
        ([lambda h: h, lambda h: h[:, :1]], {}, "number 1 maps .* to"),
        ([lambda h: h, lambda h: h / 0], {}, "`branches` has a NaN or an infinity in number 1"),
        ([lambda h: h], {"num_singular": 4}, "`num_singular` must be 1 to 3"),
        ([lambda h: h], {"num_directions": 4}, "`num_directions` must be 1 to 3"),
        ([lambda h: h], {"threshold": 1.0}, "`threshold` must be between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            residual_alignment(branches, x, key=KEY, **options)

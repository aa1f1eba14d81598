import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.signals.path_lengths import gradient_path_energies, path_length_law


def test_path_lengths_of_resnet_110_are_binomial():
    law = path_length_law([1] * 54)
    assert law @ np.arange(55) == pytest.approx(27)
    assert law[19:36].sum() == pytest.approx(0.98017, abs=1e-5)
    assert law[5:18].sum() == pytest.approx(0.0045367, abs=1e-6)


def test_the_law_of_batch_norm_at_init_has_the_harmonic_mean_length():
    law = path_length_law([1 / block for block in range(1, 33)])
    expected = sum(1 / (block + 1) for block in range(1, 33))
    assert law @ np.arange(33) == pytest.approx(expected)
    assert expected == pytest.approx(3.09, abs=0.01)


def test_parts_of_the_gradient_are_the_sums_over_the_paths_of_each_length():
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(4, 3, 3))
    g = rng.normal(size=3)
    branches = [lambda x, m=m: jnp.tanh(x) @ m for m in matrices]
    x = jnp.asarray(rng.normal(size=3))
    found = gradient_path_energies(branches, x, jnp.asarray(g))
    jacobians = []
    for matrix in matrices:
        jacobians.append((1 - np.tanh(x) ** 2)[:, None] * matrix)
        x = x + jnp.tanh(x) @ matrix
    parts = np.zeros((5, 3))
    for path in itertools.product([0, 1], repeat=4):
        along = g
        for through, jacobian in zip(path[::-1], jacobians[::-1], strict=True):
            along = jacobian @ along if through else along
        parts[sum(path)] += along
    energies = (parts**2).sum(1)
    np.testing.assert_allclose(found.shares, energies / energies.sum(), rtol=1e-10)
    assert found.interference == pytest.approx((parts.sum(0) ** 2).sum() / energies.sum())
    assert found.num_products == 10


@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_energy_by_length_of_a_gaussian_linear_chain_is_binomial(variance):
    rng = np.random.default_rng(1)
    n, depth = 200, 10
    weights = rng.normal(0, np.sqrt(variance / n), (depth, n, n))
    branches = [lambda x, w=w: x @ w for w in weights]
    g = jnp.asarray(rng.normal(size=(20, n)))
    found = gradient_path_energies(branches, jnp.zeros((20, n)), g)
    law = path_length_law([variance] * depth)
    np.testing.assert_allclose(found.shares, law, atol=0.01)
    assert found.divergence(law) < 0.002
    assert found.divergence(path_length_law([3.0] * depth)) > 0.5


def test_bad_chains_are_refused_by_name():
    with pytest.raises(ValueError, match="`branches` must hold at least one"):
        gradient_path_energies([], jnp.ones(2), jnp.ones(2))
    with pytest.raises(ValueError, match="`branches` must keep the stream's shape; number 1 maps"):
        gradient_path_energies([lambda x: x, lambda x: x[:1]], jnp.ones(2), jnp.ones(2))
    with pytest.raises(ValueError, match="`gains` must be"):
        path_length_law([-1.0])

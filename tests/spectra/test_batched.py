"""Many spectra at once. Oracles: the host-driven process, and dense blocks of the Hessian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.densities import batched
from lsgeo.spectra.krylov import lanczos
from tests import oracles

KEY = jax.random.key(4)


def _loss(params, x):
    return jnp.mean(jnp.tanh(x @ params["a"]) @ params["b"]) + jnp.mean((x @ params["a"]) ** 2)


X = jnp.asarray(np.random.default_rng(0).standard_normal((9, 4)))


def _params(seed):
    rng = np.random.default_rng(seed)
    return {
        "a": jnp.asarray(rng.standard_normal((4, 5))),
        "b": jnp.asarray(rng.standard_normal(5)),
    }


def test_compiled_coefficients_equal_those_of_the_host_driven_process():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 2, 80)))
    state = lanczos.extend(op, lanczos.start(op, key=KEY), 20)
    first = lanczos.random_unit(jax.random.fold_in(KEY, 0), 80, op.dtype)
    alphas, betas = jax.jit(batched.coefficients, static_argnums=2)(op, first, 20)
    np.testing.assert_allclose(alphas, state.alphas, atol=1e-12)
    np.testing.assert_allclose(betas, state.betas, atol=1e-12)


def test_densities_at_once_equal_one_after_another():
    ops = [lsgeo.hessian(_loss, _params(seed), X) for seed in range(3)]
    together = lsgeo.spectral_densities(ops, key=KEY, num_probes=2, num_steps=8)
    for op, found in zip(ops, together, strict=True):
        alone = lsgeo.spectral_density(op, key=KEY, num_probes=2, num_steps=8)
        np.testing.assert_allclose(found.nodes, alone.nodes, atol=1e-11)
        np.testing.assert_allclose(found.weights, alone.weights, atol=1e-11)
        assert (found.size, found.num_matvecs) == (25, 16)
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(_params, range(3)))
    mapped = jax.vmap(lambda p: lsgeo.hessian(_loss, p, X))(stack)
    for found, again in zip(
        together, lsgeo.spectral_densities(mapped, key=KEY, num_probes=2, num_steps=8), strict=True
    ):
        np.testing.assert_allclose(again.nodes, found.nodes, atol=1e-11)


def test_exhausted_krylov_space_in_the_compiled_loop_invents_nothing():
    ops = [lsgeo.dense(s * oracles.prescribed(np.repeat([1.0, 2, 3], 13))) for s in (1.0, 1e-9)]
    results = lsgeo.spectral_densities(ops, key=KEY, num_steps=9)
    for scale, found in zip((1.0, 1e-9), results, strict=True):
        seen = found.nodes[found.weights > 0] / scale
        assert np.abs(seen[:, None] - np.arange(1, 4)).min(axis=1).max() < 1e-10
        assert np.isfinite(found.nodes).all()


def test_spectrum_of_each_layer_is_that_of_its_block_of_the_dense_hessian():
    op = lsgeo.hessian(_loss, _params(0), X)
    matrix = op.to_dense()
    found = lsgeo.layer_spectra(op, key=KEY, num_probes=2, num_steps=20)
    assert list(found) == ["a", "b"]
    blocks = {"a": matrix[:20, :20], "b": matrix[20:, 20:]}
    for name, density in found.items():
        values = np.linalg.eigvalsh(blocks[name])
        ends = density.nodes.min(), density.nodes.max()
        np.testing.assert_allclose(ends, values[[0, -1]], atol=1e-10)
    alone = lsgeo.layer_spectra(op, "b", key=KEY, num_probes=2, num_steps=20)
    np.testing.assert_array_equal(alone["b"].nodes, found["b"].nodes)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([], "`ops` is empty"),
        ([lsgeo.from_matvec(lambda v: v, jnp.ones(3))], "`ops` must have products that compile"),
        (
            [lsgeo.dense(np.eye(2)), lsgeo.dense(np.eye(3))],
            "`ops` must be operators of one structure",
        ),
        (lsgeo.dense(np.eye(2)), "`ops` must be a list of operators, or one whose arrays all have"),
        ([np.eye(2)], "`op` must be a lsgeo operator"),
    ],
)
def test_operators_that_do_not_stack_are_refused(ops, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.spectral_densities(ops, key=KEY)


def test_product_that_is_not_finite_is_loud():
    op = lsgeo.dense(np.full((3, 3), 1e308))
    with pytest.raises(ValueError, match="not finite at Lanczos step"):
        lsgeo.spectral_densities([op], key=KEY, num_steps=2)

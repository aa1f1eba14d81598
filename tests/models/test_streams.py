"""Hyper-connections and their doubly stochastic form against NumPy, one position at a time."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.models import activations, create, init, sinkhorn
from lsgeo.models.skips import registry

# The programs run once: the compiler's optimisations cost more than they gain.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
KEY = jax.random.key(0)


def images():
    return np.random.default_rng(0).normal(size=(3, 2, 3, 1))


@functools.cache
def streams(skip, norm="layer"):
    model = create("mlp", depth=5, width=4, norm=norm, skip=skip)
    variables = init(model, images(), key=KEY)
    return variables["params"], jit(functools.partial(activations, model))(variables, images())


@pytest.mark.parametrize("skip", ["hyper", "hyper(dynamic=True)"])
def test_hyper_connections_at_init_are_copies_of_the_pre_norm_residual_stream_exactly(skip):
    _, residual = streams("identity")
    _, hyper = streams(skip)
    for block in range(5):
        for copy in hyper[f"block_{block}/stream"]:
            np.testing.assert_array_equal(copy, residual[f"block_{block}/stream"])
    # The head's layer norm takes the factor out of the sum of 4 equal streams, up to its epsilon.
    np.testing.assert_allclose(hyper["logits"], residual["logits"], rtol=1e-3)


def test_one_stream_is_the_residual_network_at_init_exactly():
    np.testing.assert_array_equal(
        streams("hyper(streams=1)")[1]["logits"], streams("identity")[1]["logits"]
    )


def test_doubly_stochastic_control_is_the_residual_network_at_init_and_the_published_is_not():
    # Without a norm, which would hide a factor in front of the branch.
    _, residual = streams("identity", norm="none")
    expected = np.broadcast_to(residual["block_4/stream"], (4, 3, 4))
    _, control = streams("mhc(start='identity')", norm="none")
    # Its parameters are rounded to float32.
    np.testing.assert_allclose(control["block_4/stream"], expected, rtol=1e-7, atol=1e-7)
    _, published = streams("mhc", norm="none")
    assert np.abs(published["block_4/stream"] - expected).max() > 0.1


def test_published_start_has_the_published_numbers():
    params = streams("mhc")[0]["block_2"]["skip"]
    e = np.exp(1)
    res = sinkhorn(params["res"], 20)
    expected = np.where(np.eye(4) == 1, e / (e + 3), 1 / (e + 3))
    np.testing.assert_allclose(res, expected, rtol=1e-12)
    np.testing.assert_allclose(np.round(expected[0, :2], 3), [0.475, 0.175])
    np.testing.assert_allclose(jax.nn.sigmoid(params["pre"]), [0.5, 0.5, e / (1 + e), 0.5])
    np.testing.assert_allclose(2 * jax.nn.sigmoid(params["post"]), np.full(4, 1.46), rtol=2e-3)


@pytest.mark.parametrize(("skip", "name"), [("hyper", "read"), ("mhc", "pre")])
def test_block_l_reads_stream_l_mod_n_also_where_l_is_traced(skip, name):
    module = registry.parse(skip).at()
    start = jit(
        lambda index: module.init(KEY, jnp.ones((4, 1, 1), jnp.float32), branch=abs, index=index)
    )
    for index in range(5):
        expected = np.eye(4)[index % 4]
        np.testing.assert_array_equal(start(index)["params"][name], expected)
        np.testing.assert_array_equal(streams(skip)[0][f"block_{index}"]["skip"][name], expected)


def shortcut(x):
    return jnp.concatenate([x[:, ::2, ::2], 2 * x[:, ::2, ::2]], -1)


def branch(x):
    return jnp.tanh(3 * shortcut(x) + 1)


def rms(x):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def hyper_matrices(p, x, dynamic):
    """A_m, B and A_r of the streams x [n, C] of one position (Zhu et al. 2025, section 2)."""
    read, write, mix = p["read"], p["write"], p["mix"]
    if dynamic:
        for name in ("read", "write", "mix"):
            if p[f"{name}_kernel"].shape[0] != x.shape[1]:
                p = {**p, f"{name}_kernel": np.zeros((x.shape[1], 3 if name == "mix" else 1))}
        mix = mix + p["scale"] * np.tanh(rms(x) @ p["mix_kernel"])
        read = read + p["scale"] * np.tanh(rms(x) @ p["read_kernel"])[:, 0]
        write = write + p["write_scale"] * np.tanh(rms(x) @ p["write_kernel"])[:, 0]
    return read, write, mix.T


def manifold_matrices(p, x, dynamic):
    """H_pre, H_post and H_res of the streams x [n, C] of one position (Xie et al. 2025)."""
    pre, post, res = p["pre"], p["post"], p["res"]
    n = len(x)
    if dynamic:
        flat = rms(x.reshape(-1))
        logits = {}
        for name in ("pre", "post", "res"):
            kernel = p[f"{name}_kernel"]
            if kernel.shape[1] == x.shape[1]:
                logits[name] = p[f"{name}_gate"] * (flat @ kernel.reshape(flat.size, -1))
            else:
                logits[name] = np.zeros(kernel.shape[2])  # Not used for these channels.
        pre, post = pre + logits["pre"], post + logits["post"]
        res = res + logits["res"].reshape(n, n)
    matrix = np.exp(res)
    for _ in range(20):
        matrix = matrix / matrix.sum(0, keepdims=True)
        matrix = matrix / matrix.sum(1, keepdims=True)
    return sigmoid(pre), 2 * sigmoid(post), matrix


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("kind", "matrices"), [("hyper", hyper_matrices), ("mhc", manifold_matrices)]
)
def test_streams_compute_their_equations_at_every_position_across_stages(kind, matrices, dynamic):
    x = np.random.default_rng(1).normal(size=(3, 2, 4, 4, 2))
    module = registry.parse(f"{kind}(streams=3, dynamic={dynamic})").at(0, num_blocks=4)
    like = jax.ShapeDtypeStruct(x.shape, jnp.float32)
    params = jax.eval_shape(lambda x: module.init(KEY, x, branch, shortcut), like)["params"]
    numbers = np.random.default_rng(2)
    params = {k: numbers.normal(size=v.shape) for k, v in sorted(params.items())}
    actual = jit(lambda p: module.apply({"params": p}, x, branch, shortcut))(params)

    read = np.zeros(x.shape[1:])
    for place in np.ndindex(2, 4, 4):
        here = x[(slice(None), *place)]
        read[place] = matrices(params, here, dynamic)[0] @ here
    h = np.asarray(branch(read))
    kept = np.stack([shortcut(copy) for copy in x])
    for place in np.ndindex(2, 2, 2):
        here = kept[(slice(None), *place)]
        _, write, mix = matrices(params, here, dynamic)
        expected = mix @ here + np.outer(write, h[place])
        np.testing.assert_allclose(actual[(slice(None), *place)], expected, rtol=1e-10, atol=1e-12)


def column_sums(matrix):
    sums = np.asarray(matrix).sum(0)
    return sums.min(), sums.max()


def test_product_of_sixty_sinkhorn_matrices_is_doubly_stochastic_and_free_mixing_is_not():
    logits = np.random.default_rng(3).normal(size=(60, 4, 4))
    product = np.linalg.multi_dot(np.asarray(sinkhorn(logits)))
    np.testing.assert_allclose(product.sum(1), 1, rtol=1e-12)
    low, high = column_sums(product)
    # 20 iterations leave the columns of the worst of these factors 2e-7 away from 1.
    assert 1 - 1e-6 < low <= high < 1 + 1e-6
    # ||A||_2^2 <= ||A||_1 ||A||_inf, the largest column sum times the largest row sum.
    assert np.linalg.norm(product, 2) <= np.sqrt(high) * (1 + 1e-12)
    free = np.linalg.multi_dot(np.eye(4) + 0.1 * logits)
    assert np.linalg.norm(free, 2) > 1.5


def test_columns_converge_with_the_iterations_and_far_logits_need_many():
    logits = 10 * np.random.default_rng(4).normal(size=(4, 4))
    few, many = (sinkhorn(logits, iterations) for iterations in (20, 20_000))
    np.testing.assert_allclose(few.sum(1), 1, rtol=1e-12)
    low, high = column_sums(few)
    assert low < 0.99 < 1.01 < high
    np.testing.assert_allclose(column_sums(many), 1, atol=1e-6)


def test_sinkhorn_does_not_overflow():
    matrix = sinkhorn(np.float32([[1000, 0], [0, 1000]]))
    np.testing.assert_array_equal(matrix, np.eye(2))

"""Hessian and Gauss-Newton products against closed forms and dense float64 Hessians."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import lsgeo
from lsgeo import models
from lsgeo.models.losses import CrossEntropy
from lsgeo.operators import base, value_gradient_hessian
from tests import oracles

MODES = ("linearized", "forward-over-reverse", "reverse-over-reverse")
ZOO = [
    *(
        ("mlp", {"depth": 1, "width": 3, "skip": skip, "norm": norm, "activation": "tanh"})
        for skip in ("none", "identity", "scaled")
        for norm in ("none", "layer", "batch")
    ),
    *(("resnet", {"depth": 8, "width": 1, "skip": skip}) for skip in ("none", "identity")),
    ("mlp", {"depth": 2, "width": 4, "skip": "hyper(dynamic=True, streams=2)", "norm": "layer"}),
    ("highway", {"depth": 2, "width": 4}),
    ("densenet", {"depth": 7, "growth": 2, "bottleneck": False}),
    ("vit", {"depth": 1, "width": 4, "heads": 2, "patch": 2}),
    ("decoder", {"depth": 1, "width": 4, "heads": 2, "context": 4}),
    ("mixer", {"depth": 1, "width": 4, "patch": 2}),
]


@pytest.mark.parametrize("mode", MODES)
def test_hessian_of_linear_regression_is_covariance_kron_identity(mode):
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(loss, params, batch, mode=mode)
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scaled_loss_has_the_scaled_hessian(scale):
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(lambda p, b: scale * loss(p, b), params, batch)
    np.testing.assert_allclose(op.to_dense() / scale, matrix, rtol=1e-10, atol=1e-12)


def test_hessian_and_gauss_newton_of_softmax_regression_equal_the_kronecker_sum():
    predict, criterion, params, batch, matrix = oracles.softmax_regression()
    op = lsgeo.hessian(lambda p, b: criterion(predict(p, b), b), params, batch)
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)
    gauss_newton = lsgeo.gauss_newton(predict, criterion, params, batch)
    np.testing.assert_allclose(gauss_newton.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_softmax_regression_at_zero_has_one_zero_for_each_input():
    predict, criterion, params, batch, _ = oracles.softmax_regression(zero=True)
    op = lsgeo.hessian(lambda p, b: criterion(predict(p, b), b), params, batch)
    values = np.linalg.eigvalsh(op.to_dense())
    covariance = np.linalg.eigvalsh(np.asarray(batch["x"].T @ batch["x"]) / 40)
    np.testing.assert_allclose(values[:6], 0, atol=1e-14)
    np.testing.assert_allclose(values[6:], np.sort(np.repeat(covariance / 3, 2)), rtol=1e-10)


@pytest.mark.parametrize(("length", "w", "y"), [(4, 0.7, 1.3), (5, 1.0, 0.3), (3, 0.0, 1.0)])
def test_scalar_chain_has_one_simple_and_one_repeated_eigenvalue(length, w, y):
    loss, params, batch, simple, repeated = oracles.scalar_chain(length, w, y)
    values = np.linalg.eigvalsh(lsgeo.hessian(loss, params, batch).to_dense())
    expected = np.sort(np.r_[simple, np.full(length - 1, repeated)])
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_residual_linear_net_is_the_plain_net_translated_by_the_identity():
    rng = np.random.default_rng(3)
    target, data = rng.standard_normal((2, 5, 5))
    branches = [jnp.asarray(0.3 * rng.standard_normal((5, 5))) for _ in range(4)]
    plain = oracles.deep_linear(target, residual=False)
    skip = oracles.deep_linear(target, residual=True)
    at_branch = lsgeo.hessian(skip, branches, jnp.asarray(data)).to_dense()
    at_sum = lsgeo.hessian(plain, [b + jnp.eye(5) for b in branches], jnp.asarray(data)).to_dense()
    np.testing.assert_allclose(at_branch, at_sum, rtol=1e-10, atol=1e-12 * np.abs(at_sum).max())

    def decayed(loss):
        return lambda p, b: loss(p, b) + 0.1 * sum(jnp.sum(w**2) ** 2 for w in p)

    with_decay = lsgeo.hessian(decayed(skip), branches, jnp.asarray(data)).to_dense()
    shifted = [b + jnp.eye(5) for b in branches]
    other = lsgeo.hessian(decayed(plain), shifted, jnp.asarray(data)).to_dense()
    assert np.abs(with_decay - other).max() > 0.1


def test_residual_linear_net_at_zero_has_the_four_closed_form_eigenvalues():
    n, length, rho = 4, 5, 0.3
    zeros = [jnp.zeros((n, n))] * length
    loss = oracles.deep_linear(rho * np.eye(n), residual=True)
    values = np.linalg.eigvalsh(lsgeo.hessian(loss, zeros, jnp.eye(n)).to_dense())
    expected = np.sort(
        np.r_[np.full(10, 7.8), np.full(6, 2.2), np.full(40, -0.7), np.full(24, 0.7)]
    )
    np.testing.assert_allclose(values, expected, atol=1e-9)
    plain = oracles.deep_linear(rho * np.eye(n), residual=False)
    assert not lsgeo.hessian(plain, zeros, jnp.eye(n)).to_dense().any()


def _problem(name, options, dtype):
    """A model at a generic point: shapes from an abstract `init`, so that nothing is compiled."""
    rng = np.random.default_rng(4)
    batch = {
        "image": jnp.asarray(rng.standard_normal((6, 4, 4, 1)), dtype),
        "label": jnp.asarray(rng.integers(0, 3, 6)),
    }
    if name == "decoder":
        tokens = rng.integers(0, 3, (6, 5))
        batch = {"image": jnp.asarray(tokens[:, :-1]), "label": jnp.asarray(tokens[:, 1:])}
    model = models.create(name, num_classes=3, **options)
    variables = dict(
        jax.eval_shape(lambda key: models.init(model, batch["image"], key=key), jax.random.key(0))
    )

    def draw(path, leaf):
        values = rng.standard_normal(leaf.shape) / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        near_one = lsgeo.trees.path_name(path).split("/")[-1] in ("scale", "var")
        return jnp.asarray(1 + 0.3 * np.tanh(values) if near_one else values, dtype)

    params = jax.tree_util.tree_map_with_path(draw, variables.pop("params"))
    return model, jax.tree_util.tree_map_with_path(draw, variables), params, batch


@pytest.fixture
def quick_compilation():
    """What is compiled is run a few times only."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize(("name", "options"), ZOO)
def test_products_equal_the_dense_float64_hessian_of_every_model(name, options):
    model, constants, params, batch = _problem(name, options, jnp.float64)
    loss = CrossEntropy(model, constants)
    flat, unravel = ravel_pytree(params)
    v = jnp.asarray(np.random.default_rng(5).standard_normal((3, flat.size)))
    # An independent road: the dense Hessian, column by column, from reverse mode over reverse mode.
    dense = jax.jit(jax.jacrev(jax.grad(lambda x: loss(unravel(x), batch))))(flat)
    op = lsgeo.hessian(loss, params, batch)
    scale = float(jnp.abs(dense).max())
    for row in v:
        np.testing.assert_allclose(op @ row, dense @ row, rtol=1e-10, atol=1e-10 * scale)
    low = jax.tree.map(
        lambda x: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x,
        (params, constants, batch),
    )
    single = lsgeo.hessian(CrossEntropy(model, low[1]), low[0], low[2])
    difference = np.asarray(single @ v[0].astype(jnp.float32)) - np.asarray(dense @ v[0])
    assert np.linalg.norm(difference) < 1e-4 * np.linalg.norm(dense @ v[0])


@pytest.mark.parametrize("ragged", [False, True])
def test_value_gradient_and_hessian_of_linear_regression_are_the_closed_forms(ragged):
    loss, params, batch, matrix = oracles.linear_regression()
    x, y, w = (np.asarray(a) for a in (batch["x"], batch["y"], params["w"]))
    parts = [jax.tree.map(lambda a, c=c: a[c], batch) for c in (slice(0, 33), slice(33, 40))]
    data = {"batches": parts} if ragged else {"batch": batch}
    value, gradient, op = value_gradient_hessian(loss, params, **data)
    assert type(value) is float
    np.testing.assert_allclose(value, 0.5 * np.sum((x @ w - y) ** 2) / 40, rtol=1e-12)
    np.testing.assert_allclose(gradient["w"], x.T @ (x @ w - y) / 40, rtol=1e-10)
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)
    assert op.mode == ("forward-over-reverse" if ragged else "linearized")
    assert np.finfo(np.float64).eps <= float(op.noise) < 1e-14
    with pytest.raises(ValueError, match="NaN or an infinity in w"):
        value_gradient_hessian(loss, {"w": params["w"] * np.nan}, batch)


def test_hessian_inside_jit_is_the_hessian():
    loss, params, batch, matrix = oracles.linear_regression()
    v = jnp.arange(18.0)
    for mode in ("auto", "forward-over-reverse"):
        product = jax.jit(lambda p, m=mode: lsgeo.hessian(loss, p, batch, mode=m) @ v)(params)
        np.testing.assert_allclose(product, matrix @ np.arange(18.0), rtol=1e-10)
    with pytest.raises(ValueError, match="inside `jit`"):
        jax.jit(lambda p: lsgeo.hessian(loss, p, batches=[batch]) @ v)(params)


def test_checkpoints_and_seeds_share_one_compilation(monkeypatch):
    options = {"depth": 1, "width": 3, "norm": "batch"}
    product = jax.jit(chex.assert_max_traces(lambda op, v: op._flat_matvec(v), n=1))
    monkeypatch.setattr(base, "_flat_product", product)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        _, constants, params, batch = _problem("mlp", options, jnp.float64)
        moved = jax.tree.map(lambda x, rng=rng: x + 0.1 * rng.standard_normal(x.shape), params)
        op = lsgeo.hessian(
            CrossEntropy(models.create("mlp", num_classes=3, **options), constants), moved, batch
        )
        op @ jnp.ones(op.shape[0])

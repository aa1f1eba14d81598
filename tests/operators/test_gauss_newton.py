"""The Hessian's two parts: ranks, blocks and sums (oracles O6 and O7)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests.operators import problems


def _deep_linear(widths, num, kind):
    rng = np.random.default_rng(10)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    params = [jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[1])) for shape in shapes]
    batch = {
        "x": jnp.asarray(rng.standard_normal((num, widths[0]))),
        "y": jnp.asarray(rng.standard_normal((num, widths[-1]))),
    }
    if kind == "CE":
        batch["y"] = jax.nn.softmax(batch["y"])

    def predict(params, batch):
        out = batch["x"]
        for w in params:
            out = out @ w.T
        return out

    def squares(outputs, batch):
        return 0.5 * jnp.mean(jnp.sum((outputs - batch["y"]) ** 2, axis=1))

    def cross_entropy(outputs, batch):
        return -jnp.mean(jnp.sum(batch["y"] * jax.nn.log_softmax(outputs), axis=1))

    return predict, {"MSE": squares, "CE": cross_entropy}[kind], params, batch


def _rank(matrix):
    values = np.abs(np.linalg.eigvalsh(matrix))
    return int(np.sum(values > 1e-9 * values.max() * len(values)))


@pytest.mark.parametrize(
    ("widths", "num", "kind", "ranks"),
    [
        ((12, 8, 4), 14, "MSE", (96, 64, 48)),
        ((12, 8, 8, 4), 14, "CE", (114, 87, 36)),
        ((10, 6, 6, 6, 5), 7, "MSE", (140, 130, 35)),
    ],
)
def test_ranks_of_the_deep_linear_hessian_and_its_parts_are_those_of_the_formula(
    widths, num, kind, ranks
):
    # Singh, Bachmann and Hofmann 2021: H, functional part, Gauss-Newton part.
    problem = _deep_linear(widths, num, kind)
    first_order, rest = (op.to_dense() for op in lsgeo.split_hessian(*problem))
    assert (_rank(first_order + rest), _rank(rest), _rank(first_order)) == ranks


def test_the_two_parts_are_the_gauss_newton_matrix_and_the_rest_of_the_hessian():
    predict, criterion, loss, params, batch = problems.net()
    first_order, rest = lsgeo.split_hessian(predict, criterion, params, batch)
    hessian = lsgeo.hessian(loss, params, batch).to_dense()
    together = (first_order + rest).to_dense()
    np.testing.assert_allclose(together, hessian, rtol=1e-10, atol=1e-12)
    alone = lsgeo.gauss_newton(predict, criterion, params, batch).to_dense()
    np.testing.assert_allclose(first_order.to_dense(), alone, rtol=1e-10, atol=1e-12)
    assert np.abs(rest.to_dense()).max() > 1e-2


def test_the_two_parts_share_the_arrays_of_one_linearisation():
    predict, criterion, _, params, batch = problems.net()
    first_order, rest = lsgeo.split_hessian(predict, criterion, params, batch)
    held = {id(leaf) for leaf in jax.tree.leaves(first_order.product)}
    shared = [leaf for leaf in jax.tree.leaves(rest.product) if id(leaf) in held]
    assert shared


def _relu_net(layer_norm):
    def predict(params, batch):
        x = batch["x"] @ params["stem"]
        for name in ("block_0", "block_1"):
            hidden = x @ params[name]["kernel"] + params[name]["bias"][None, :]
            if layer_norm:
                centred = hidden - hidden.mean(1, keepdims=True)
                hidden = centred / jnp.sqrt(jnp.mean(centred**2, 1, keepdims=True) + 1e-5)
            x = x + jax.nn.relu(hidden)
        return x @ params["head"]

    return predict


def test_blocks_of_the_rest_vanish_layer_by_layer_for_relu_and_not_with_layer_norm():
    rng = np.random.default_rng(11)
    shapes = {"stem": (3, 5), "head": (5, 3)}
    blocks = {"kernel": (5, 5), "bias": (5,)}
    shapes |= {"block_0": blocks, "block_1": blocks}
    params = jax.tree.map(
        lambda s: jnp.asarray(rng.standard_normal(s)), shapes, is_leaf=lambda s: type(s) is tuple
    )
    _, criterion, _, _, batch = problems.net(num=12)
    largest = {}
    for layer_norm in (False, True):
        _, rest = lsgeo.split_hessian(_relu_net(layer_norm), criterion, params, batch)
        assert np.abs(rest.to_dense()).max() > 1e-2
        block = rest.restrict(["block_1/kernel", "block_1/bias"]).to_dense()
        largest[layer_norm] = np.abs(block).max()
    assert largest[False] < 1e-12
    assert largest[True] > 1e-3

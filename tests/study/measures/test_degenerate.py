"""Directions counted in dense Hessians: beside Hessians by hand, and numbers by hand."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.landscape import degenerate
from tests.study.measures import subjects
from tests.study.measures.linear_chains import subject

DEGENERATE = METRICS["degenerate"]


def test_shares_are_those_of_eigenvalues_counted_by_hand():
    values = np.array([-0.5, -0.02, -3e-5, 0.0, 2e-6, 5e-5, 1e-3, 0.2, 10.0, 100.0])
    found = degenerate.shares(values)
    # Within 1e-4 of 100 lie -3e-5, 0, 2e-6, 5e-5, 1e-3; within 1e-6 of it, 1e-4, all but 1e-3.
    assert found["flat_rel_1e-4"] == 0.5 and found["flat_rel_1e-6"] == 0.4
    assert found["flat_abs_1e-2"] == 0.5 and found["flat_abs_1e-4"] == 0.4
    assert found["negative_rel_1e-4"] == 0.2 and found["negative_rel_1e-2"] == 0
    assert found["negative_abs_1e-1"] == 0.1 and found["negative_abs_1e-2"] == 0.2
    assert found["eigenvalue_share"] == 0.1
    assert (found["dense_lambda_max"], found["dense_lambda_min"]) == (100, -0.5)


def test_relative_and_absolute_thresholds_order_two_spectra_in_opposite_ways():
    sharp, flat = (
        degenerate.shares(np.array([1e-2, 0.1, 1e4])),
        degenerate.shares(np.array([1e-3] * 3)),
    )
    assert sharp["flat_rel_1e-4"] > flat["flat_rel_1e-4"]
    assert sharp["flat_abs_1e-3"] < flat["flat_abs_1e-3"]


def test_a_threshold_below_the_noise_has_no_count():
    found = degenerate.shares(np.array([0.0, 0.0, 1e13]))
    assert np.isnan(found["flat_abs_1e-4"]) and np.isnan(found["negative_abs_1e-3"])
    assert found["flat_rel_1e-6"] == pytest.approx(2 / 3)
    nothing = degenerate.shares(np.array([-1.0, -0.5]))
    assert np.isnan(nothing["flat_rel_1e-4"]) and nothing["negative_abs_1e-1"] == 1


def by_hand(kernels, head, inputs, labels):
    """Hessian of a plain linear chain's cross-entropy, by finite differences of a gradient in NumPy."""
    shapes = [k.shape for k in kernels] + [head.shape]
    start = np.concatenate([k.ravel() for k in [*kernels, head]])

    def gradient(flat):
        parts, at = [], 0
        for shape in shapes:
            parts.append(flat[at : at + np.prod(shape)].reshape(shape))
            at += np.prod(shape)
        streams = [inputs]
        for part in parts:
            streams.append(streams[-1] @ part)
        chance = np.exp(streams[-1]) / np.exp(streams[-1]).sum(1, keepdims=True)
        back = (chance - np.eye(head.shape[1])[labels]) / len(inputs)
        found = []
        for part, stream in list(zip(parts, streams, strict=False))[::-1]:
            found.append((stream.T @ back).ravel())
            back = back @ part.T
        return np.concatenate(found[::-1])

    step = 1e-5
    rows = [
        (gradient(start + step * unit) - gradient(start - step * unit)) / (2 * step)
        for unit in np.eye(len(start))
    ]
    return np.array(rows)


def test_eigenvalues_are_those_of_finite_differences_of_a_gradient_in_numpy():
    rng = np.random.default_rng(2)
    kernels, head = rng.normal(size=(2, 3, 3)), rng.normal(size=(3, 2))
    data = rng.normal(size=(9, 3)), np.arange(9) % 2
    network = subject(kernels, head, *data)

    def chain(params, batch):
        head = {**network.params["head"], "kernel": params["w2"]}
        whole = {"stem": network.params["stem"], "head": head}
        for i in (0, 1):
            whole[f"block_{i}"] = {"dense_0": {"kernel": params[f"w{i}"], "bias": jnp.zeros(3)}}
        return network.loss(whole, batch)

    params = {f"w{i}": jnp.asarray(w) for i, w in enumerate((*kernels, head))}
    found = degenerate.dense_eigenvalues(jax.tree_util.Partial(chain), params, network.batch)
    expected = np.linalg.eigvalsh(by_hand(kernels, head, *data))
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_a_session_of_float32_has_the_eigenvalues_of_float64():
    model = models.create("mlp", num_classes=3, depth=2, width=5, norm="layer")
    small = subjects.subject(model, subjects.batch(20))
    wide = jax.tree.map(lambda x: x.astype(jnp.float64), small.params)
    batch = {**small.batch, "image": small.batch["image"].astype(jnp.float64)}
    expected = np.linalg.eigvalsh(_dense(small.loss, wide, batch))
    with jax.enable_x64(False):
        narrow = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float32)), small.params)
        found = degenerate.dense_eigenvalues(small.loss, narrow, small.batch)
    np.testing.assert_allclose(found, expected, atol=1e-12 * expected[-1])
    assert DEGENERATE.measure(small)["dense_lambda_max"] == pytest.approx(expected[-1], rel=1e-12)


def _dense(loss, params, batch):
    flat, restore = jax.flatten_util.ravel_pytree(params)
    return np.asarray(jax.hessian(lambda x: loss(restore(x), batch))(flat))


def test_a_network_that_is_too_large_and_one_that_is_not_finite_have_no_numbers(monkeypatch):
    model = models.create("mlp", num_classes=3, depth=2, width=4)
    small = subjects.subject(model, subjects.batch(6))
    monkeypatch.setattr(degenerate, "LARGEST", 10)
    found = DEGENERATE.measure(small)
    assert set(found) == set(DEGENERATE.names) and np.isnan(list(found.values())).all()
    assert np.isnan(list(degenerate.shares(np.full(3, np.nan)).values())).all()
    assert not DEGENERATE.suits(models.ResNet(depth=8))

"""Normalisation layers against NumPy."""

import jax
import numpy as np
import pytest

from lsgeo.models.norms import Norm

X = np.random.default_rng(0).normal(2, 3, size=(4, 3, 2, 12))
EPSILON = 1e-5


def standard(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPSILON)


def group(x):
    # 12 channels are no multiple of 8: groups of 3, in 4.
    return standard(x.reshape(4, 3, 2, 4, 3), (1, 2, 4)).reshape(x.shape)


EXPECTED = {
    "none": lambda x: x,
    "batch": lambda x: standard(x, (0, 1, 2)),
    "layer": lambda x: standard(x, -1),
    "group": group,
    "rms": lambda x: x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON),
}


def applied(kind, train):
    norm = Norm(kind)
    variables = norm.init(jax.random.key(0), X)
    params = variables.get("params", {})
    numbers = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: numbers.normal(size=leaf.shape), params)
    stats = variables.get("batch_stats", {})
    stats = jax.tree.map(lambda leaf: numbers.uniform(1, 2, size=leaf.shape), stats)
    collections = {"params": params, "batch_stats": stats}
    out, new = norm.apply(collections, X, train, mutable=["batch_stats"])
    return out, params.get(kind, {}), stats.get(kind), new.get("batch_stats", {}).get(kind)


@pytest.mark.parametrize("kind", EXPECTED)
def test_norm_is_its_formula_with_a_scale_and_but_for_rms_a_bias(kind):
    out, params, *_ = applied(kind, train=True)
    names = {"none": set(), "rms": {"scale"}}.get(kind, {"scale", "bias"})
    assert set(params) == names
    expected = EXPECTED[kind](X) * params.get("scale", 1) + params.get("bias", 0)
    # Flax takes the variance as a difference of moments.
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-9)


def test_batch_norm_evaluates_with_its_running_statistics_and_moves_them_by_a_tenth():
    out, params, stats, _ = applied("batch", train=False)
    expected = (X - stats["mean"]) / np.sqrt(stats["var"] + EPSILON)
    np.testing.assert_allclose(out, expected * params["scale"] + params["bias"], rtol=1e-9)
    *_, stats, new = applied("batch", train=True)
    np.testing.assert_allclose(new["mean"], 0.9 * stats["mean"] + 0.1 * X.mean((0, 1, 2)))
    np.testing.assert_allclose(new["var"], 0.9 * stats["var"] + 0.1 * X.var((0, 1, 2)))

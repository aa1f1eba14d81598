"""Oracles: an isotropic bowl has every width in closed form; a rescaled ReLU network is the same function."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import models
from lsgeo.study import measures

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(1)
BATCH = {
    "image": jnp.asarray(RANDOM.normal(size=(12, 3))),
    "label": jnp.asarray(RANDOM.integers(0, 4, 12)),
    "unit": jnp.eye(12, 3),  # the kernel is what it makes of unit vectors: its columns are filters
}


class Linear(nn.Module):
    @nn.compact
    def __call__(self, images, train=False):
        kernel = self.param("kernel", nn.initializers.ones, (3, 4))
        return images @ kernel


LINEAR = Linear()
WEIGHTS = {"kernel": jnp.asarray(RANDOM.normal(size=(3, 4)))}


def subject(model, params, loss):
    return measures.Subject(
        model, {}, params, loss, BATCH, BATCH, 4, "matched", KEY, lambda number: None
    )


def measured(model, params, loss):
    metric = measures.METRICS["sharpness"]
    found = metric.measure(subject(model, params, loss))
    assert set(found) == set(metric.names)
    return found


def bowl(curvature):
    def loss(params, batch):
        return (
            curvature / 2 * jnp.sum((batch["unit"] @ (params["kernel"] - WEIGHTS["kernel"])) ** 2)
        )

    return loss


def test_an_isotropic_bowl_has_the_widths_of_its_curvature():
    found = measured(LINEAR, WEIGHTS, bowl(3.0))
    weights = np.asarray(WEIGHTS["kernel"])
    # Every filter moves by its own norm, so that all directions are as long as the weights.
    for name, rise in (("filter_radius", 0.1), ("filter_radius_1", 1.0)):
        radius = np.sqrt(2 * rise / (3 * np.sum(weights**2)))
        np.testing.assert_allclose(found[name], radius, rtol=1e-3)
        assert found[f"{name}_bound"] == 0
    np.testing.assert_allclose(found["adaptive_sharpness"], 3 * np.max(weights**2), rtol=1e-6)
    corner = 1e-3 * (np.abs(weights) + 1)
    np.testing.assert_allclose(found["keskar_sharpness"], 100 * 1.5 * np.sum(corner**2), rtol=1e-6)


def test_the_fisher_rao_norm_of_a_linear_network_is_the_variance_of_its_logits():
    logits = np.asarray(BATCH["image"] @ WEIGHTS["kernel"])
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    variance = np.sum(p * logits**2, axis=1) - np.sum(p * logits, axis=1) ** 2
    found = measured(LINEAR, WEIGHTS, models.CrossEntropy(LINEAR))
    np.testing.assert_allclose(found["fisher_rao"], variance.mean(), rtol=1e-10)
    found = measured(LINEAR, WEIGHTS, models.SquaredError(LINEAR))
    np.testing.assert_allclose(found["fisher_rao"], np.mean(np.sum(logits**2, axis=1)), rtol=1e-10)


def test_a_loss_that_never_rises_bounds_the_radius_from_below():
    found = measured(LINEAR, WEIGHTS, bowl(1e-4))
    assert found["filter_radius"] == found["filter_radius_1"] == 4.0
    assert found["filter_radius_bound"] == found["filter_radius_1_bound"] == 1.0


@pytest.fixture(scope="module")
def network():
    model = models.create("mlp", depth=1, width=4, num_classes=4, skip="none", norm="none")
    params = models.init(model, BATCH["image"], key=KEY)["params"]
    # Biases start at zero, which no rescaling moves.
    params = jax.tree.map(lambda leaf: leaf + 0.3, params)
    return model, params


def rescaled(params, factor):
    stem, block = params["stem"], params["block_0"]["dense_0"]
    return {
        **params,
        "stem": jax.tree.map(lambda leaf: factor * leaf, stem),
        "block_0": {"dense_0": {**block, "kernel": block["kernel"] / factor}},
    }


def test_rescaling_a_layer_moves_only_the_columns_that_are_not_invariant(network):
    model, params = network
    loss = models.CrossEntropy(model)
    other = rescaled(params, 3.0)
    np.testing.assert_allclose(loss(params, BATCH), loss(other, BATCH), rtol=1e-12)
    before, after = (measured(model, weights, loss) for weights in (params, other))
    for column in ("filter_radius", "filter_radius_1", "adaptive_sharpness", "fisher_rao"):
        np.testing.assert_allclose(after[column], before[column], rtol=1e-6, err_msg=column)
    tops = [
        np.linalg.eigvalsh(lsgeo.hessian(loss, weights, BATCH).to_dense())[-1]
        for weights in (params, other)
    ]
    for old, new in (tops, (before["keskar_sharpness"], after["keskar_sharpness"])):
        assert abs(new / old - 1) > 0.05


def test_twins_with_one_key_are_measured_along_the_same_directions(network):
    model, params = network
    one, other = (
        dataclasses.replace(subject(model, params, models.CrossEntropy(model)), key=key)
        for key in (KEY, jax.random.key(1))
    )
    measure = measures.METRICS["sharpness"].measure
    first, again, another = measure(one), measure(one), measure(other)
    assert first == again
    assert first["filter_radius"] != another["filter_radius"]

"""Oracles: quadratics, whose gradient turns as ||Hg|| / ||g||, and a ridge whose lower hull is known."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.study import measures

KEY = jax.random.key(0)
BATCH = {"image": jnp.ones((3, 3)), "unit": jnp.eye(3)}
CURVATURES = np.array([[4.0, 1.0], [0.5, 0.0], [2.0, 0.1]])
WEIGHTS = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.2]])


def measured(loss, params):
    metric = measures.METRICS["smoothness"]
    model = nn.Dense(2, use_bias=False)
    found = metric.measure(
        measures.Subject(
            model, {}, params, loss, BATCH, BATCH, 2, "matched", KEY, lambda number: None
        )
    )
    assert set(found) == set(metric.names)
    return found


def test_a_bowl_turns_its_gradient_by_its_hessian_and_lies_on_its_hull():
    found = measured(
        lambda params, batch: jnp.sum(CURVATURES * kernel(params, batch) ** 2) / 2,
        {"kernel": jnp.asarray(WEIGHTS)},
    )
    gradient = CURVATURES * WEIGHTS
    exact = np.linalg.norm(CURVATURES * gradient) / np.linalg.norm(gradient)
    np.testing.assert_allclose(found["gradient_smoothness"], exact, rtol=1e-9)
    assert 0 <= found["hull_deficit"] < 1e-12


def test_the_largest_turn_over_the_learning_rates_counts():
    # f = w^3 / 6 has g = w^2 / 2, and over a step eta g it turns by w - eta g / 2.
    found = measured(lambda params, batch: jnp.sum(kernel(params, batch) ** 3) / 6, one_weight(2.0))
    np.testing.assert_allclose(found["gradient_smoothness"], 2.0 - 0.003, rtol=1e-9)


def test_a_ridge_lies_above_its_hull():
    # Both directions are plus or minus the weight: the loss is -(x + y)^2 or -(x - y)^2 squared weights.
    found = measured(
        lambda params, batch: -jnp.sum((kernel(params, batch) - 2.0) ** 2), one_weight(2.0)
    )
    x, y = np.meshgrid(np.linspace(-1, 1, 11), np.linspace(-1, 1, 11))
    ridge, hull = -((x + y) ** 2), 2 * np.abs(x - y) - 4
    np.testing.assert_allclose(
        found["hull_deficit"], np.mean(ridge - hull) / np.mean(ridge + 4), rtol=1e-9
    )


def test_a_loss_without_slope_has_no_smoothness_along_it():
    found = measured(
        lambda params, batch: jnp.sum((kernel(params, batch) - 2.0) ** 2), one_weight(2.0)
    )
    assert np.isnan(found["gradient_smoothness"]) and found["hull_deficit"] < 1e-12


def kernel(params, batch):
    """The kernel, as what it makes of unit vectors: its columns are filters."""
    inputs = len(params["kernel"])
    return batch["unit"][:inputs, :inputs] @ params["kernel"]


def one_weight(value):
    return {"kernel": jnp.full((1, 1), value)}

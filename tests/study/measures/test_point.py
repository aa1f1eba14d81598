"""Where a network stands, against a quadratic worked out by hand."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures.landscape.point import POINT
from tests.study.measures.subjects import batch, subject

CURVATURES = np.array([3.0, -1.0, 0.5])


def _of(params, **fields):
    model = models.create("mlp", num_classes=3, depth=2, width=4)
    found = subject(model, batch(6))

    def loss(params, batch):
        return 0.5 * jnp.sum(jnp.asarray(CURVATURES) * params["a"] ** 2)

    changed = {"loss": loss, "params": {"a": jnp.asarray(params)}, **fields}
    return POINT.measure(dataclasses.replace(found, **changed))


def test_gradient_turn_and_weights_of_a_quadratic_are_those_by_hand():
    params = np.array([1.0, 2.0, -4.0])
    gradient = CURVATURES * params
    found = _of(params)
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(gradient))
    turned = np.linalg.norm(CURVATURES * gradient) / np.linalg.norm(gradient)
    assert found["hg_over_g"] == pytest.approx(turned)
    assert found["weight_norm"] == pytest.approx(math.sqrt(21))


@pytest.mark.parametrize("reading", ["matched", "end"])
def test_the_largest_curvature_is_laid_beside_the_optimiser_s_limit_once_it_has_trained(reading):
    found = _of(np.ones(3), reading=reading, limit=12.0)
    assert found["limit_share"] == pytest.approx(3 / 12, rel=1e-2)


def test_at_the_start_and_without_a_limit_nothing_is_held():
    assert math.isnan(_of(np.ones(3), reading="init", limit=12.0)["limit_share"])
    assert math.isnan(_of(np.ones(3), limit=math.nan)["limit_share"])
    assert "limit_share" not in POINT.at("init")


def test_without_a_gradient_nothing_turns():
    found = _of(np.zeros(3))
    assert found["gradient_norm"] == 0 and math.isnan(found["hg_over_g"])

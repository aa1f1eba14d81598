"""Gradient confusion of a loss whose gradient at an example is the example."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.study.measures import METRICS
from tests.study.measures.linear_chains import subject

CONFUSION = METRICS["confusion"]


def measured(images):
    network = dataclasses.replace(
        subject([[[1.0]]], [[1.0, -1.0]], [[1.0]], [0]),
        params=jnp.ones(images.shape[1]),
        loss=lambda params, batch: jnp.mean(batch["image"] @ params),
        batch={"image": jnp.asarray(images)},
    )
    return CONFUSION.measure(network)["gradient_cosine_low"]


def test_confusion_is_the_low_quantile_of_the_cosines_of_the_first_64_examples():
    images = np.random.default_rng(0).normal(size=(80, 3))
    unit = images[:64] / np.linalg.norm(images[:64], axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(64, 1)]
    assert measured(images) == pytest.approx(np.quantile(cosines, 0.05))


@pytest.mark.parametrize(("signs", "expected"), [((1, 1, 1), 1.0), ((1, -1, 1), -1.0)])
def test_examples_that_agree_have_one_and_those_that_oppose_minus_one(signs, expected):
    assert measured(np.array(signs)[:, None] * np.ones((1, 4))) == pytest.approx(expected)

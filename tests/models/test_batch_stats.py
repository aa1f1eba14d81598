"""Batch statistics re-estimated in batches approach those of all images as one batch, norm by norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models

MODEL = models.create("mlp", depth=2, width=6, norm="batch", num_classes=3)  # Three norms.
IMAGES = np.random.default_rng(0).normal(size=(24, 5)) ** 3
PARTS = [IMAGES[:5], IMAGES[5:6], IMAGES[6:]]
NORMS = ("block_0", "block_1", "norm_head")


@pytest.fixture(scope="module")
def variables():
    return models.init(MODEL, IMAGES, key=jax.random.key(0))


def errors(found, exact):
    """Largest deviation of each norm's statistics, in the order of evaluation."""
    return [
        max(
            np.abs(a - b).max()
            for a, b in zip(
                jax.tree.leaves(found["batch_stats"][name]),
                jax.tree.leaves(exact["batch_stats"][name]),
                strict=True,
            )
        )
        for name in NORMS
    ]


def test_each_pass_over_the_batches_makes_one_more_norm_exact(variables):
    exact = models.reestimate_batch_stats(MODEL, variables, jnp.asarray(IMAGES))
    for passes in (1, 2, 3):
        found = models.reestimate_batch_stats(MODEL, variables, PARTS, passes=passes)
        assert jax.tree.structure(found) == jax.tree.structure(exact)
        deviations = errors(found, exact)
        # Sums of 24 in another order, against values of order one.
        assert max(deviations[:passes]) < 1e-12
        assert all(deviation > 1e-3 for deviation in deviations[passes:])


def test_bad_passes_and_generators_are_refused(variables):
    with pytest.raises(ValueError, match="`passes` must be at least 1; got 0"):
        models.reestimate_batch_stats(MODEL, variables, PARTS, passes=0)
    with pytest.raises(
        ValueError, match="`images` gave no batch; a generator is empty on the second"
    ):
        models.reestimate_batch_stats(MODEL, variables, (part for part in PARTS))

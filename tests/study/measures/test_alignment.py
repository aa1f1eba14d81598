"""Residual alignment of rank-one branches, and of a network with a norm block by block."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.signals import residual_alignment
from lsgeo.study.measures import METRICS
from tests.study.measures.linear_chains import subject

ALIGNMENT = METRICS["alignment"]
IMAGES = np.random.default_rng(0).normal(size=(3, 4))


def rank_one(size, source, target):
    # The stream is a row: x @ kernel, with right singular vector `source` and left one `target`.
    return size * np.outer(np.eye(4)[source], np.eye(4)[target])


@pytest.mark.parametrize("skip", ["none", "identity"])
@pytest.mark.parametrize(("targets", "expected"), [((0, 0, 0), 1.0), ((1, 1, 1), 0.0)])
def test_rank_one_branches_have_their_strength_and_align_where_they_share_a_line(
    skip, targets, expected
):
    kernels = [rank_one(0.3, 0, target) for target in targets]
    found = ALIGNMENT.measure(subject(kernels, np.eye(4), IMAGES, [0, 1, 2], skip=skip))
    assert found["residual_sigma"] == pytest.approx(0.3)
    assert found["residual_alignment"] == pytest.approx(expected, abs=1e-12)
    assert found["residual_rank"] == 1


def test_equal_steps_along_a_line_are_told_from_a_walk_that_turns():
    # Branches read the coordinate that none of them writes: every step is the same.
    straight = [rank_one(0.3, 0, 1)] * 3
    turning = [rank_one(0.3, 0, target) for target in (1, 2, 3)]
    lines = [
        ALIGNMENT.measure(subject(k, np.eye(4), IMAGES, [0, 1, 2], skip="identity"))["stream_line"]
        for k in (straight, turning)
    ]
    assert lines[0] == pytest.approx(1)
    assert lines[1] < 0.9


def test_branches_without_a_jacobian_have_no_direction():
    found = ALIGNMENT.measure(
        subject([np.zeros((4, 4))] * 2, np.eye(4), IMAGES, [0, 1, 2], skip="identity")
    )
    assert found["residual_sigma"] == 0 and np.isnan(found["residual_alignment"])


def test_formed_jacobians_give_what_products_with_the_blocks_give():
    model = models.MLP(2, 4, 3, "scaled", norm="layer")
    images = jnp.asarray(IMAGES)
    params = models.init(model, images, key=jax.random.key(1))["params"]
    network = dataclasses.replace(
        subject([np.eye(4)], np.eye(4), IMAGES, [0, 1, 2]), model=model, params=params
    )
    blocks = models.blocks(model, {"params": params}, images)
    below = models.block_inputs(model, {"params": params}, images)["block_0"]
    branches = [lambda x, f=block.function: f(x) - x for block in blocks]
    expected = residual_alignment(branches, below, key=jax.random.key(2))
    found = ALIGNMENT.measure(network)
    assert found["residual_sigma"] == pytest.approx(expected.singular_values[..., 0].mean())
    assert found["residual_alignment"] == pytest.approx(np.mean(expected.consecutive))
    assert found["stream_line"] == pytest.approx(np.mean(expected.equispaced))

"""Path lengths with a law in closed form, and lesions that change nothing, or every sign."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.signals._chains import deletable
from tests.study.measures.linear_chains import subject

PATHS, LESIONS = METRICS["paths"], METRICS["lesions"]
SIGNS = [[1.0], [2.0], [-1.0], [-3.0]], [0, 0, 1, 1]
HEAD = [[1.0, -1.0]]  # class 0 where the stream is positive


def flips(count, size):
    # Branch l exchanges the halves of each pair along axis l: all products of different ones are orthogonal.
    places = np.arange(2**count)
    return [size * np.eye(2**count)[places ^ (1 << i)] for i in range(count)]


def test_orthogonal_paths_have_a_binomial_law_of_their_lengths():
    head = np.zeros((8, 2))
    head[0] = 1, -1
    images = np.random.default_rng(0).normal(size=(5, 8))
    chain = subject(flips(3, 0.7), head, images, [0, 1, 0, 1, 0], skip="identity", reading="init")
    found = PATHS.measure(chain)
    assert found["path_share"] == pytest.approx(0.49 / 1.49)
    assert found["path_kl"] == pytest.approx(0, abs=1e-12)


def test_paths_of_one_direction_diverge_from_a_binomial_law_as_computed_by_hand():
    n, a = 3, 0.5
    chain = subject([[[a]]] * n, HEAD, *SIGNS, skip="identity", reading="init")
    found = PATHS.measure(chain)
    energies = np.array([(math.comb(n, k) * a**k) ** 2 for k in range(n + 1)])
    shares = energies / energies.sum()
    share = shares @ np.arange(n + 1) / n
    law = stats.binom.pmf(np.arange(n + 1), n, share)
    assert found["path_share"] == pytest.approx(share)
    assert found["path_kl"] == pytest.approx(shares @ np.log(shares / law))


@pytest.mark.parametrize(("skip", "depth"), [("none", 4), ("identity", 2)])
def test_there_is_no_law_of_lengths_without_a_sum_or_with_two_blocks(skip, depth):
    found = PATHS.measure(subject([[[0.5]]] * depth, HEAD, *SIGNS, skip=skip))
    assert np.isnan([found[name] for name in PATHS.names]).all()


def test_deleting_blocks_whose_branch_is_zero_changes_nothing():
    found = LESIONS.measure(subject([[[0.0]]] * 3, HEAD, *SIGNS, skip="identity"))
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(
    ("weights", "median", "largest"),
    [((1.0, -1.0, 1.0), 0, 1), ((-1.0, -1.0, 1.0), 1, 1), ((1.0, 1.0, 1.0), 0, 0)],
)
def test_deleting_a_block_that_flips_the_sign_turns_every_answer(weights, median, largest):
    images, labels = SIGNS
    right = labels if np.prod(weights) > 0 else [1 - label for label in labels]
    found = LESIONS.measure(subject([[[w]] for w in weights], HEAD, images, right))
    assert found["lesion_error_rise"] == median
    assert found["lesion_error_rise_max"] == largest
    assert found["lesion_to_chance"] == median / 0.5
    assert found["lesion_jump"] == largest


def test_errors_that_rise_step_by_step_have_a_small_jump():
    # Each of four branches turns the sign of its own example, which is right with it alone.
    kernels = [np.diag(np.eye(4)[i]) * -2 for i in range(4)]
    head = np.concatenate([np.eye(4), np.zeros((4, 1))], 1)
    images, labels = -np.eye(4), [0, 1, 2, 3]
    found = LESIONS.measure(subject(kernels, head, images, labels, skip="identity"))
    assert found["lesion_error_rise"] == found["lesion_error_rise_max"] == 0.25
    assert found["lesion_jump"] == 0.25


def test_blocks_that_change_the_shape_are_not_deleted():
    model = models.ResNet(14, width=2, norm="none")
    images = jnp.zeros((1, 8, 8, 1), jnp.float32)
    params = models.shapes(model, images)["params"]
    network = dataclasses.replace(subject([[[1.0]]], HEAD, *SIGNS), model=model, params=params)
    assert deletable(network, images) == [
        f"stage_{stage}_block_{block}" for stage, block in ((0, 0), (0, 1), (1, 1), (2, 1))
    ]
    assert LESIONS.suits(model) and not LESIONS.suits(models.DenseNet(13))

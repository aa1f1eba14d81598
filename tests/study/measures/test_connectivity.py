"""Connectivity of one network with another: permuted copies, convex losses, networks that are not there."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import geometry, models
from lsgeo.study import measures
from lsgeo.study.measures.landscape import connectivity

KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (20, 4), jnp.float32)


def subject(retrained, loss=None, skip="none"):
    model = models.MLP(depth=2, width=6, num_classes=3, skip=skip, norm="layer")
    params = models.init(model, IMAGES, key=KEY)["params"]
    params["head"]["kernel"] *= 5
    # Its own answers are right, so that it lies at the bottom of a valley.
    batch = {"image": IMAGES, "label": models.Logits(model)(params, {"image": IMAGES}).argmax(1)}
    rest = 3, "end", KEY, lambda k: retrained(model, params) if k == 1 else None
    loss = loss or models.CrossEntropy(model)
    return measures.Subject(model, {}, params, loss, batch, batch, *rest)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(connectivity, "CURVE_STEPS", 60)


@pytest.mark.parametrize("skip", ["none", "identity"])
def test_a_copy_with_permuted_units_lies_behind_a_barrier_until_they_are_matched(skip):
    def permuted(model, params):
        few = {"image": IMAGES}
        groups = geometry.permutation_groups(models.Logits(model), params, few, key=KEY)
        return groups.permute(params, groups.random(key=KEY)), {}

    found = connectivity.CONNECTIVITY.measure(subject(permuted, skip=skip))
    assert set(found) == set(connectivity.CONNECTIVITY.names)
    assert found["linear_barrier"] > max(0.05, found["curve_barrier"])
    assert abs(found["matched_barrier"]) < 1e-4 and found["weight_distance"] < 1e-5


def test_between_ends_of_a_convex_loss_only_the_higher_end_rises_above_the_mean():
    def bowl(params, batch):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))

    def larger(model, params):
        return jax.tree.map(lambda leaf: 2 * leaf, params), {}

    network = subject(larger, bowl)
    found = connectivity.CONNECTIVITY.measure(network)
    half = 1.5 * float(bowl(network.params, None))  # (4 - 1) / 2
    for name in ("linear_barrier", "matched_barrier", "curve_barrier"):
        np.testing.assert_allclose(found[name], half, rtol=1e-5)


def test_a_network_that_never_got_there_has_no_barriers():
    found = connectivity.CONNECTIVITY.measure(subject(lambda model, params: None))
    assert list(found) == list(connectivity.COLUMNS) and np.all(np.isnan(list(found.values())))


def test_it_suits_networks_without_batch_norm():
    suits = connectivity.CONNECTIVITY.suits
    assert suits(models.MLP(norm="none")) and suits(models.MLP(norm="layer"))
    assert not suits(models.MLP(norm="batch")) and not suits(nn.Dense(3))

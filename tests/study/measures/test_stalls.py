"""Ordinary trainings that stall: counted by hand, and trained in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.landscape import escape, stalls
from tests.study.measures import subjects

STALLS = METRICS["stalls"]


def curve(*losses):
    return np.array(losses, float)


def test_what_has_stalled_is_counted_by_hand_at_the_best_rate_alone():
    # The best linear classifier has 0.5, a constant 0.7.
    tries = [
        curve(0.9, 0.7, 0.69, 0.69, 0.69),  # a plateau
        curve(0.9, 0.6, 0.5, 0.495, 0.495),  # a minimum, no better than linear
        curve(0.9, 0.7, 0.69, 0.65, 0.6),  # still falling
        curve(0.9, 0.4, 0.2, 0.2, 0.2),  # done
    ]
    worse = [curve(0.9, 0.9, 0.9, 0.9, 0.9)] * 4
    diverged = [curve(0.9, np.nan, np.nan, np.nan, np.nan), *[curve(0.0, 0, 0, 0, 0)] * 3]
    found = stalls.stalled(np.array([worse, tries, diverged]), 0.5, 0.7)
    assert (found["stall_share"], found["stall_rate"]) == (0.5, 1)
    assert (found["stall_plateau_share"], found["stall_minimum_share"]) == (0.25, 0.25)
    assert found["stall_loss"] == pytest.approx((0.69 + 0.495 + 0.6 + 0.2) / 4)
    assert np.isnan(list(stalls.stalled(np.array([diverged]), 0.5, 0.7).values())).all()


def test_trainings_are_those_of_momentum_written_out_in_numpy(monkeypatch):
    monkeypatch.setattr(stalls, "NUM_STEPS", 6)
    monkeypatch.setattr(stalls, "CHECK_EVERY", 3)
    data = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(30, 4)), jnp.float32)}
    data["label"] = jnp.arange(30) % 2
    loss = models.CrossEntropy(models.MLP(1, 4, 2, skip="none", activation="linear"))
    start = models.init(loss.model, data["image"], key=jax.random.key(0))["params"]
    starts = jax.tree.map(lambda leaf: leaf[None], start)
    key = jax.random.key(1)
    found = stalls._trained(loss, starts, data, key, jnp.array([0.05], jnp.float32))
    order = np.asarray(jax.random.randint(key, (6 // 3, 3, stalls.BATCH_SIZE), 0, 30))
    names = ("stem", "block_0", "head")
    weights = [
        np.asarray((start[n].get("dense_0") or start[n])["kernel"], np.float64) for n in names
    ]
    biases = [np.zeros(w.shape[1]) for w in weights]
    speeds = [np.zeros_like(p) for p in (*weights, *biases)]
    inputs, labels = np.asarray(data["image"], np.float64), np.asarray(data["label"])

    def streams(x):
        for w, b in zip(weights, biases, strict=True):
            yield x
            x = x @ w + b
        yield x

    def mean_loss():
        *_, logits = streams(inputs)
        return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(30), labels])

    seen = [mean_loss()]
    for rows in order.reshape(-1, stalls.BATCH_SIZE):
        *below, logits = streams(inputs[rows])
        back = (
            np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[labels[rows]]
        ) / 16
        slopes = []
        for w, x in list(zip(weights, below, strict=True))[::-1]:
            slopes.append((x.T @ back, back.sum(0)))
            back = back @ w.T
        flat = [pair[0] for pair in slopes[::-1]] + [pair[1] for pair in slopes[::-1]]
        for part, speed, slope in zip((*weights, *biases), speeds, flat, strict=True):
            speed *= 0.9
            speed += slope
            part -= 0.05 * speed
        seen.append(mean_loss())
    np.testing.assert_allclose(found[0, 0], np.array(seen)[[0, 3, 6]], rtol=1e-5)


def test_a_network_that_cannot_bend_stalls_and_one_that_can_does_not(monkeypatch):
    monkeypatch.setattr(stalls, "NUM_TRIES", 2)
    monkeypatch.setattr(stalls, "NUM_STEPS", 800)
    inputs = jax.random.normal(jax.random.key(1), (80, 3), jnp.float32)
    # Inside or outside of a sphere.
    data = {"image": inputs, "label": jnp.where(jnp.sum(inputs**2, 1) < 2, 2, 5)}
    options = {"norm": "none", "skip": "identity"}
    straight = models.MLP(2, 8, 10, activation="linear", **options)
    bent = models.MLP(2, 8, 10, **options)
    assert STALLS.measure(subjects.subject(straight, data))["stall_share"] == 1
    assert STALLS.measure(subjects.subject(bent, data))["stall_share"] == 0


def test_stalls_suit_networks_whose_loss_is_that_of_training():
    mlp = models.MLP(2, 4)
    assert STALLS.suits(mlp) and STALLS.suits(mlp.clone(norm="layer"))
    for changed in ({"norm": "batch"}, {"scan": True}, {"skip": "dropout"}):
        assert not STALLS.suits(mlp.clone(**changed))
    assert not STALLS.suits(models.ResNet(depth=8))


def test_data_that_a_line_tells_apart_have_no_such_minimum(monkeypatch):
    monkeypatch.setattr(escape, "best_linear", lambda batch: None)
    found = STALLS.measure(subjects.subject(models.MLP(1, 4), subjects.batch(8)))
    assert np.isnan(list(found.values())).all()

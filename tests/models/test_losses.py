"""Losses against SciPy and closed forms, random parts by key, and labels that no output stands for."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from lsgeo import models

RNG = np.random.default_rng(0)
LOGITS = 3 * RNG.normal(size=(5, 4))
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]


class Linear(nn.Module):
    """Dropout and one dense layer: random in training mode and with a key."""

    @nn.compact
    def __call__(self, images, train=False):
        random = train and self.has_rng("dropout")
        return nn.Dense(4)(nn.Dropout(0.5, deterministic=not random)(images))


BATCH = {"image": jnp.asarray(RNG.normal(size=(5, 3))), "label": jnp.asarray(LABELS)}
PARAMS = {"Dense_0": {"kernel": jnp.asarray(RNG.normal(size=(3, 4))), "bias": jnp.zeros(4)}}


def test_smoothed_cross_entropy_is_that_of_the_mixture_with_the_uniform_distribution():
    batch = {"label": jnp.asarray(LABELS)}
    targets = 0.9 * ONE_HOT + 0.1 / 4
    expected = -(targets * scipy.special.log_softmax(LOGITS, axis=-1)).sum(-1).mean()
    np.testing.assert_allclose(models.cross_entropy(LOGITS, batch, smoothing=0.1), expected)
    plain = models.cross_entropy(LOGITS, batch)
    np.testing.assert_allclose(models.cross_entropy(LOGITS, {"target": ONE_HOT}), plain, rtol=1e-12)
    with pytest.raises(ValueError, match="`smoothing` must be at least 0 and below 1; got 1"):
        models.CrossEntropy(Linear(), smoothing=1)


def test_squared_error_sums_over_outputs_and_averages_over_examples():
    expected = np.square(LOGITS - ONE_HOT).sum() / 2 / 5
    value = models.squared_error(LOGITS, {"label": jnp.asarray(LABELS)})
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    target = RNG.normal(size=(5, 4))
    value = models.squared_error(LOGITS, {"target": target, "label": jnp.asarray(LABELS)})
    np.testing.assert_allclose(value, np.square(LOGITS - target).sum() / 10, rtol=1e-12)


@pytest.mark.parametrize("kind", [models.CrossEntropy, models.SquaredError])
def test_losses_of_a_model_are_those_of_its_outputs(kind):
    outputs = BATCH["image"] @ PARAMS["Dense_0"]["kernel"]
    criterion = {models.CrossEntropy: models.cross_entropy}.get(kind, models.squared_error)
    value = kind(Linear())(PARAMS, BATCH)
    np.testing.assert_allclose(value, criterion(outputs, BATCH), rtol=1e-12)


@pytest.mark.parametrize("kind", [models.CrossEntropy, models.SquaredError, models.Logits])
def test_only_training_mode_with_a_key_is_random(kind):
    def value(train, key=None):
        return np.asarray(kind(Linear(), train=train)(PARAMS, BATCH, key=key))

    keys = jax.random.split(jax.random.key(0))
    plain = value(False)
    np.testing.assert_array_equal(value(True), plain)
    np.testing.assert_array_equal(value(False, keys[0]), plain)
    assert not np.allclose(value(True, keys[0]), plain)
    assert not np.allclose(value(True, keys[0]), value(True, keys[1]))
    np.testing.assert_array_equal(value(True, keys[0]), value(True, keys[0]))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 4, 1], "`labels` must be 0 to 3, for 4 classes; example 1 has 4."),
        ([0, 1, -1], "`labels` must be 0 to 3, for 4 classes; example 2 has -1."),
        ([0.0, 1.0], "`labels` must be whole numbers; got dtype float64"),
    ],
)
def test_labels_outside_the_classes_are_refused(labels, text):
    with pytest.raises(ValueError, match=text):
        models.check_labels(np.array(labels), 4)
    models.check_labels(LABELS, 4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int64])
def test_labels_are_told_from_classes_that_their_type_cannot_count_to(dtype):
    # In eight bits 5 + 256 is 5 again: to that label the 261st class would be as right as the fifth.
    logits = RNG.normal(size=(3, 300))
    logits[0, 261] = 9.0
    labels = np.array([5, 7, 120])
    batch = {"label": labels.astype(dtype)}
    one_hot = np.eye(300)[labels]
    entropy = -(one_hot * scipy.special.log_softmax(logits, axis=-1)).sum() / 3
    np.testing.assert_allclose(models.cross_entropy(logits, batch), entropy, rtol=1e-12)
    smooth = -((0.9 * one_hot + 0.1 / 300) * scipy.special.log_softmax(logits, axis=-1)).sum() / 3
    found = models.cross_entropy(logits, batch, smoothing=0.1)
    np.testing.assert_allclose(found, smooth, rtol=1e-12)
    square = np.square(logits - one_hot).sum() / 6
    np.testing.assert_allclose(models.squared_error(logits, batch), square, rtol=1e-12)
    largest = np.zeros((3, 300))
    largest[[0, 1, 2], [261, 7, 120]] = 1.0
    np.testing.assert_allclose(models.accuracy(jnp.asarray(largest), batch), 2 / 3, rtol=1e-12)


@pytest.mark.parametrize("loss", [models.cross_entropy, models.squared_error, models.accuracy])
def test_truth_values_are_labels_of_two_classes(loss):
    outputs, labels = jnp.asarray(LOGITS[:, :2]), np.array([True, False, True, True, False])
    expected = loss(outputs, {"label": labels.astype(np.int64)})
    np.testing.assert_array_equal(loss(outputs, {"label": labels}), expected)


@pytest.mark.parametrize("loss", [models.cross_entropy, models.squared_error, models.accuracy])
def test_labels_and_targets_that_would_be_broadcast_or_rounded_are_refused(loss):
    outputs = jnp.asarray(LOGITS)
    with pytest.raises(ValueError, match=r"`label` must be whole numbers \[5\].*int64 \[5, 1\]"):
        loss(outputs, {"label": LABELS[:, None]})
    with pytest.raises(ValueError, match=r"`label` must be whole numbers \[5\].*got float64 \[5\]"):
        loss(outputs, {"label": LABELS + 0.5})
    if loss is not models.accuracy:
        with pytest.raises(ValueError, match=r"`target` must have the shape.*\[5, 1\]; got \[5\]"):
            loss(outputs[:, :1], {"target": LOGITS[:, 0]})

"""Constructed points: what they compute, why they trap, and that twins start and train alike."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from scipy import optimize

from lsgeo import geometry, models, study

KEY = jax.random.key(0)
INPUTS = jax.random.normal(jax.random.key(1), (60, 3), jnp.float32)
# Which of three sectors, with a circle of its own: no linear classifier tells them apart.
LABELS = jnp.where(jnp.sum(INPUTS**2, 1) < 2, 2, (INPUTS[:, 0] > 0).astype(int))
BATCH = {"image": INPUTS, "label": LABELS}
SKIPS, SGD = ("none", "identity"), optax.sgd(0.01)
CLASSIFIER = study.fit_linear(BATCH, 3)


def loss_of(skip, depth=2, width=5, **options):
    made = models.create("mlp", depth=depth, width=width, num_classes=3, skip=skip, **options)
    return models.CrossEntropy(made)


def wide(params):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)


def curvature(loss, params):
    flat, back = ravel_pytree(wide(params))
    slope = jax.grad(lambda w: loss(back(w), BATCH))
    gradient, hessian = jax.jit(lambda w: (slope(w), jax.jacfwd(slope)(w)))(flat)
    return gradient, np.linalg.eigvalsh(hessian)


def minimum(loss, key=KEY):
    return study.linear_minimum(loss.model, BATCH, CLASSIFIER, key=key, margin=0.5)


def test_the_linear_classifier_is_the_optimum_that_scipy_finds():
    def value(flat):
        logits = np.asarray(INPUTS, float) @ flat[:9].reshape(3, 3) + flat[9:]
        return np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(60), LABELS])

    found = optimize.minimize(value, np.zeros(12), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(CLASSIFIER.loss, found.fun, rtol=1e-7)
    assert CLASSIFIER.gradient < 1e-7 and 0.3 < CLASSIFIER.accuracy < 0.9


@pytest.mark.parametrize("skip", SKIPS)
def test_at_the_linear_minimum_relus_are_active_by_the_margin_and_nothing_leads_down(skip):
    loss = loss_of(skip)
    params = minimum(loss)
    stream = np.asarray(INPUTS @ params["stem"]["kernel"]) + np.asarray(params["stem"]["bias"])
    np.testing.assert_allclose(stream.min(0), 0.5, atol=1e-5)
    for block in ("block_0", "block_1"):  # which pass it on as it is
        carried = np.eye(5) * (skip == "none")
        np.testing.assert_array_equal(params[block]["dense_0"]["kernel"], carried)
        assert not np.any(params[block]["dense_0"]["bias"])
    gradient, values = curvature(loss, params)
    np.testing.assert_allclose(loss(params, BATCH), CLASSIFIER.loss, rtol=1e-5)
    # The parameters are rounded to float32, which leaves a gradient of about 1e-7 times the curvature.
    assert np.abs(gradient).max() < 1e-6 * values[-1]
    assert values[0] > -1e-6 * values[-1] and values[-1] > 1
    near = geometry.perturbed_starts(wide(params), key=KEY, count=50, radius=0.03)
    found = jax.jit(jax.vmap(loss, in_axes=(0, None)))(near, BATCH)
    assert found.min() > CLASSIFIER.loss and found.max() > CLASSIFIER.loss + 1e-4


def trained(loss, start, num_steps):
    starts = jax.tree.map(lambda leaf: leaf[None], wide(start))
    options = {"optimizer": SGD, "batch_size": 4, "every": 5, "fraction": 0.9}
    return geometry.escape(loss, starts, BATCH, key=KEY, num_steps=num_steps, **options)


def test_twins_train_alike_from_the_minimum_step_for_step():
    plain, residual = (trained(loss, minimum(loss), 30) for loss in map(loss_of, SKIPS))
    np.testing.assert_allclose(plain.losses, residual.losses, rtol=1e-5)
    np.testing.assert_allclose(plain.distances, residual.distances, rtol=1e-4)
    assert np.ptp(plain.losses) > 1e-3


def test_nothing_below_a_dead_layer_has_a_gradient_unless_a_skip_leads_around_it():
    shares = np.bincount(LABELS) / 60
    for skip in SKIPS:
        loss = loss_of(skip)
        params = study.dead_layer(loss.model, BATCH, key=KEY)
        np.testing.assert_allclose(loss(params, BATCH), -np.sum(shares * np.log(shares)), rtol=1e-6)
        # Head weights of their own, for all gradients of the blocks vanish at zero ones.
        params["head"]["kernel"] = jax.random.normal(KEY, (5, 3), jnp.float32)
        slope = jax.grad(loss)(params, BATCH)
        below = jax.tree.leaves({name: slope[name] for name in ("stem", "block_0")})
        silent = [not np.any(part) for part in below]
        assert all(silent) if skip == "none" else not any(silent)
        assert not np.any(slope["block_1"]["dense_0"]["kernel"])  # fed by the dead ReLUs


def test_a_plain_network_with_a_dead_layer_never_does_better_than_the_shares():
    starts = [(loss, study.dead_layer(loss.model, BATCH, key=KEY)) for loss in map(loss_of, SKIPS)]
    plain, residual = (trained(loss, start, 300) for loss, start in starts)
    assert plain.count == 0 and plain.losses.min() > plain.losses[0, 0] - 1e-5
    assert residual.count == 1 and residual.times < 300


def test_the_zero_point_of_a_residual_network_is_a_saddle_as_steep_as_the_labels_signal():
    signal = study.label_signal(BATCH, 3)
    ends = {}
    for skip in SKIPS:
        loss = loss_of(skip, activation="tanh")
        params = study.zero_point(loss.model, BATCH, key=KEY, scale=1e-9)
        values = curvature(loss, params)[1]
        ends[skip] = values[0]
        # The head's biases, one direction of which changes nothing.
        assert np.sum(values > 1e-7) == 2 or skip == "identity"
    np.testing.assert_allclose(ends["identity"], -signal, rtol=1e-6)
    assert abs(ends["none"]) < 1e-7 < signal


def test_gradient_descent_leaves_the_saddle_at_the_rate_of_the_labels_signal():
    loss = loss_of("identity", activation="tanh")
    starts = [
        study.zero_point(loss.model, BATCH, key=k, scale=1e-9) for k in jax.random.split(KEY, 2)
    ]
    starts = wide(jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts))
    found = geometry.escape(
        loss, starts, BATCH, key=KEY, optimizer=optax.sgd(0.5), num_steps=60, every=20, radius=1e3
    )
    growth = found.distances[:, -1] / found.distances[:, -2]
    np.testing.assert_allclose(growth, (1 + 0.5 * study.label_signal(BATCH, 3)) ** 20, rtol=0.02)


def test_an_identity_biased_twin_is_drawn_about_the_identity():
    plain = loss_of("none", activation="linear", initializer="identity")
    residual = loss_of("identity", activation="linear")
    points = [study.zero_point(one.model, BATCH, key=KEY, scale=0.3) for one in (plain, residual)]
    values = [one(wide(point), BATCH) for one, point in zip((plain, residual), points, strict=True)]
    np.testing.assert_allclose(*values, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: minimum(loss_of("none", width=2)), "at least as many units; got 3 outputs and width 2"),
        (lambda: minimum(loss_of("none", norm="layer")), "`model` has norm='layer'"),
        (lambda: minimum(loss_of("constant(scale=0.5)")), "do not let the stream pass an empty branch"),
        (lambda: minimum(loss_of("identity(every=2)")), "do not let the stream pass an empty branch"),
        (lambda: study.dead_layer(loss_of("none", depth=1).model, BATCH, key=KEY), "two blocks"),
        (lambda: study.zero_point(loss_of("none").model, BATCH, key=KEY), "activation='relu'"),
        (lambda: study.zero_point(models.create("resnet"), BATCH, key=KEY), "must be an MLP; got ResNet"),
        (lambda: study.fit_linear(BATCH, 4), "examples of all 4 classes"),
        (
            lambda: study.fit_linear({**BATCH, "label": (INPUTS[:, 0] > 0).astype(int)}, 2),
            "tells all examples of `batch` apart",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()

"""What mixes the examples of its one batch is warned of; means and sums are not."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo

DRAW = np.random.default_rng(0)
X = jnp.asarray(DRAW.standard_normal((17, 3)))
W = jnp.array([1.0, 2.0, -1.0])
MASK = jnp.asarray(DRAW.random(17) > 0.4, jnp.float64)


def _batch_norm(w, b):
    h = jnp.tanh(b * w[None])
    h = (h - h.mean(0)[None]) / jnp.sqrt(h.var(0)[None] + 1e-3)
    return jnp.mean((h @ w - 1) ** 2)


def _dropout(w, b):
    kept = jax.random.bernoulli(jax.random.key(0), 0.5, b.shape)
    return jnp.mean((jnp.where(kept, b, 0) @ w) ** 2)


def _square(w, b):
    return jnp.tanh(b @ w) ** 2


@pytest.mark.parametrize("loss", [_batch_norm, _dropout])
def test_batch_statistics_and_masks_of_the_whole_batch_are_warned_of_once(loss):
    function = lambda w, b: 1.0 * loss(w, b)  # noqa: E731 a program of this test alone
    with pytest.warns(UserWarning, match="`loss` mixes the examples.*training mode"):
        lsgeo.hessian(function, W, X)
    lsgeo.hessian(lambda w, b: 1.0 * loss(w, b), 2 * W, X)


def test_the_parts_of_a_loss_are_warned_of_as_the_whole():
    def predict(w, b):
        h = b * w[None]
        return h - h.mean(0)[None]

    def criterion(outputs, b):
        return jnp.mean(outputs**2)

    with pytest.warns(UserWarning, match="`criterion` mixes the examples"):
        lsgeo.gauss_newton(predict, criterion, W, X)


@pytest.mark.parametrize(
    ("loss", "batch"),
    [
        (lambda w, b: jnp.mean(_square(w, b)), X),
        (lambda w, b: jnp.mean(_square(w, b)) + 0.1 * jnp.sum(w**2), X),
        (lambda w, b: jnp.sum(_square(w, b)), X),
        (lambda w, b: jnp.sum(_square(w, b)) + 0.1 * jnp.sum(w**2), X),
        (lambda w, b: jnp.sum(b[1] * _square(w, b[0])) / b[1].sum(), (X, MASK)),
        (lambda w, b: jnp.sum(w**2), None),
        (lambda w, b: jnp.sum(w**2) * b[0, 0] * b[16, 2], X),
    ],
    ids=["mean", "decayed mean", "sum", "sum with a prior", "masked", "no data", "one size only"],
)
def test_means_weighted_means_and_sums_are_not_warned_of(loss, batch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lsgeo.hessian(loss, W, batch)


def test_parameters_that_are_called_like_running_statistics_are_warned_of():
    params = {"norm": {"scale": W, "running_mean": W, "running_var": W}}

    def loss(p, b):
        n = p["norm"]
        return jnp.mean((n["scale"] * (b[0] - n["running_mean"]) / n["running_var"]) ** 2)

    with pytest.warns(UserWarning, match="running statistics: norm/running_mean, norm/running_var"):
        lsgeo.hessian(lambda p, b: loss(p, b), params, X)

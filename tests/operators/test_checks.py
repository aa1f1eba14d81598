"""What has no Hessian, or a wrong one, is refused before anything is measured."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import models
from lsgeo.models.losses import CrossEntropy
from tests import oracles


def test_random_loss_is_refused_although_jit_would_freeze_it():
    rng = np.random.default_rng(0)

    def loss(params, batch):
        mask = jnp.asarray(rng.random(3) < 0.5)
        return jnp.sum(jnp.where(mask, params, 0) ** 2)

    with pytest.raises(ValueError, match="`loss` is random.*dropout"):
        lsgeo.hessian(loss, jnp.ones(3), jnp.ones(1))


def test_dropout_with_a_moving_key_is_refused():
    keys = [jax.random.key(seed) for seed in range(20)]
    model = nn.Dropout(0.5, deterministic=False)

    def loss(params, batch):
        return jnp.mean(model.apply({}, params * batch, rngs={"dropout": keys.pop()}) ** 2)

    with pytest.raises(ValueError, match="`loss` is random"):
        lsgeo.hessian(loss, jnp.ones(30), jnp.ones(1))


def test_a_loss_that_splits_a_global_key_is_refused():
    state = {"key": jax.random.key(0)}

    def loss(params, batch):
        state["key"], key = jax.random.split(state["key"])
        return jnp.sum(params * jax.random.normal(key, params.shape))

    with pytest.raises(ValueError, match="`loss` is random"):
        lsgeo.hessian(loss, jnp.ones(30), jnp.ones(1))


def test_shuffling_and_dropping_batches_are_refused():
    class Dropping:
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def __iter__(self):
            order = self.rng.permutation(40)
            return iter([{k: v[order[:20]] for k, v in batch.items()}])

    loss, params, batch, _ = oracles.linear_regression()
    with pytest.raises(ValueError, match="not repeatable.*shuffled"):
        lsgeo.hessian(loss, params, batches=Dropping())


def test_product_has_no_side_effect_on_batch_statistics():
    model = models.create("mlp", depth=2, width=4, norm="batch", num_classes=2)
    images = jnp.asarray(np.random.default_rng(0).standard_normal((8, 3)))
    batch = {"image": images, "label": jnp.zeros(8, int)}
    variables = models.init(model, images, key=jax.random.key(0))
    stats = jax.tree.map(np.array, variables["batch_stats"])
    op = lsgeo.hessian(
        CrossEntropy(model, {"batch_stats": variables["batch_stats"]}), variables["params"], batch
    )
    op @ jnp.ones(op.shape[0])
    jax.tree.map(np.testing.assert_array_equal, stats, variables["batch_stats"])


def test_non_symmetric_product_is_refused():
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((5, 5)))
    with pytest.raises(ValueError, match="not symmetric"):
        lsgeo.from_matvec(lambda v: matrix @ v, jnp.zeros(5))


def test_nonlinear_product_is_refused():
    with pytest.raises(ValueError, match="not symmetric|not linear"):
        lsgeo.from_matvec(lambda v: v**3, jnp.zeros(5))


@pytest.mark.parametrize(
    ("loss", "params", "message"),
    [
        (lambda p, b: p, jnp.ones(3), "real scalar"),
        (lambda p, b: jnp.sum(p) * 1j, jnp.ones(3), "real scalar"),
        (lambda p, b: jnp.log(jnp.sum(p)), -jnp.ones(3), "`loss` is nan"),
        (lambda p, b: jnp.sum(p), jnp.arange(3), "floating-point arrays; it is int"),
        (lambda p, b: jnp.sum(p["w"]), {"w": jnp.array([1.0, jnp.nan])}, "NaN or an infinity in w"),
        (lambda p, b: 0.0, {}, "`params` is empty"),
        (lambda p, b: jnp.sum(jnp.sqrt(jnp.sum(p**2))), jnp.zeros(3), "product has a NaN"),
        (3.0, jnp.ones(3), "`loss` must be callable"),
    ],
)
def test_bad_loss_or_params_are_named(loss, params, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.hessian(loss, params, jnp.ones(1))


def test_noise_of_an_exact_product_is_of_the_size_of_the_machine_epsilon():
    loss, params, batch, _ = oracles.linear_regression()
    noise = float(lsgeo.hessian(loss, params, batch).noise)
    assert np.finfo(np.float64).eps <= noise < 1e-14

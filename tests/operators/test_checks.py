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
from tests.operators import problems


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
    with pytest.raises(ValueError, match="same order on every pass.*first batch.*shuffled"):
        lsgeo.hessian(loss, params, batches=Dropping())


def _from_passes(*passes):
    """Batches that are those of the next of `passes` each time, the last one for good."""
    left = list(passes)

    class Source:
        def __iter__(self):
            return iter(left.pop(0) if len(left) > 1 else left[0])

    return Source()


def test_batches_that_differ_from_pass_to_pass_are_refused():
    loss, params, batch, _ = oracles.linear_regression()
    first, second, third = problems.rows(batch, (20, 10, 10))
    shorter = problems.rows(batch, (20, 10, 9))[2]
    steady = [[first, second, third]] * 3
    for moved, message in (
        ([first, second], "a pass did not have 3 batches"),
        ([first, second, third, third], "a pass did not have 3 batches"),
        ([first, second, shorter], "9 examples in place of 10"),
    ):
        with pytest.raises(ValueError, match=f"on every pass; {message}.*shuffled"):
            lsgeo.hessian(loss, params, batches=_from_passes(*steady, moved))
    reordered = [{k: v[::-1] for k, v in first.items()}, second, third]
    with pytest.raises(ValueError, match="first batch has changed"):
        lsgeo.hessian(loss, params, batches=_from_passes(*steady[:2], reordered))
    augmented = [first, second, {**third, "x": 1.01 * third["x"]}]
    # Five passes before the first product: one opened, one counted, two to see how the data begin, and one
    # for a product with the first batch alone.
    with pytest.raises(ValueError, match="not repeatable.*shuffled"):
        lsgeo.hessian(loss, params, batches=_from_passes(*steady, *steady, augmented))


def test_a_loss_that_holds_a_nan_as_a_constant_is_not_called_random():
    # `jnp.var` does, for the case of too few values.
    op = lsgeo.hessian(lambda p, b: jnp.var(p), jnp.arange(3.0), jnp.ones(1))
    expected = 2 / 3 * (np.eye(3) - np.ones((3, 3)) / 3)
    np.testing.assert_allclose(op.to_dense(), expected, atol=1e-14)


def _batch_normalised(params, batch):
    hidden = batch["x"] @ params["w"]
    mean, variance = hidden.mean(0, keepdims=True), hidden.var(0, keepdims=True)
    return jnp.mean(((hidden - mean) / jnp.sqrt(variance + 1e-5)) ** 4)


def test_batch_statistics_are_those_of_one_batch_and_refused_where_batches_are_taken_apart():
    _, params, batch, _ = oracles.linear_regression()
    with pytest.warns(UserWarning, match="mixes the examples"):
        op = lsgeo.hessian(_batch_normalised, params, batch)
    dense = jax.jit(jax.hessian(lambda w: _batch_normalised({"w": w}, batch)))(params["w"])
    np.testing.assert_allclose(op.to_dense(), dense.reshape(18, 18), rtol=1e-9, atol=1e-11)
    halves = problems.rows(batch, (20, 20))
    for make in (
        lambda: lsgeo.hessian(_batch_normalised, params, batches=halves),
        lambda: lsgeo.hessian(_batch_normalised, params, batch, weights=np.ones(40)),
        lambda: lsgeo.gradient_covariance(_batch_normalised, params, batch),
    ):
        with pytest.raises(ValueError, match="not a mean over examples.*batch normalisation in tr"):
            make()


def test_batch_statistics_that_move_at_each_call_are_refused():
    running = {"mean": jnp.zeros((1, 3))}

    def loss(params, batch):
        hidden = batch["x"] @ params["w"]
        running["mean"] = 0.9 * running["mean"] + 0.1 * hidden.mean(0, keepdims=True)
        return jnp.mean((hidden - running["mean"]) ** 2)

    _, params, batch, _ = oracles.linear_regression()
    with pytest.raises(ValueError, match="`loss` is random.*batch normalisation in training mode"):
        lsgeo.hessian(loss, params, batch)


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
        (lambda p, b: jnp.sum(p).astype(complex), jnp.ones(3), "real scalar"),
        (lambda p, b: jnp.log(jnp.sum(p)), -jnp.ones(3), "`loss` is nan"),
        (lambda p, b: jnp.sum(p), jnp.arange(3), "floating-point arrays; it is int"),
        (lambda p, b: jnp.sum(p["w"]), {"w": jnp.array([1.0, jnp.nan])}, "NaN or an infinity in w"),
        (lambda p, b: 0.0, {}, "`params` is empty"),
        (lambda p, b: jnp.sum(jnp.sqrt(jnp.sum(p**2))), jnp.zeros(3), "`loss` has a NaN"),
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


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("function", [jnp.abs, jax.nn.relu])
def test_positively_homogeneous_product_is_refused_whatever_the_signs_of_the_probes(function, size):
    with pytest.raises(ValueError, match="not linear"):
        lsgeo.from_matvec(function, jnp.zeros(size))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_hessian_is_accepted_and_its_noise_covers_its_error(dtype):
    rng = np.random.default_rng(0)
    w, x = (jnp.asarray(rng.standard_normal(shape), dtype) for shape in ((6, 3), (8, 6)))

    def loss(params, batch):
        return jnp.mean(jnp.tanh(batch @ params["w"]) ** 2)

    op = lsgeo.hessian(loss, {"w": w}, x)
    exact = lsgeo.hessian(loss, {"w": w.astype(float)}, x.astype(float)).to_dense()
    eps, noise = float(jnp.finfo(dtype).eps), float(op.noise)
    assert eps <= noise < 4 * eps
    error = np.abs(op.to_dense() - exact).max() / np.linalg.norm(exact, 2)
    assert eps / 16 < error < 4 * noise


def test_noise_of_mixed_leaves_is_that_of_the_coarsest():
    params = {"a": jnp.arange(1.0, 4, dtype=jnp.float32), "b": jnp.ones(3)}

    def loss(p, x):
        return jnp.mean(jnp.tanh(p["a"].astype(float) * p["b"] * x) ** 2)

    noise = float(lsgeo.hessian(loss, params, jnp.ones(3)).noise)
    eps = float(jnp.finfo(jnp.float32).eps)
    assert eps <= noise < 4 * eps


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_does_not_hide_a_product_that_is_not_symmetric_or_not_repeatable(dtype):
    like = jnp.zeros(2, dtype)
    turn = jnp.array([[0, 1], [-1, 0]], dtype)
    with pytest.raises(ValueError, match="`matvec` is not symmetric"):
        lsgeo.from_matvec(lambda v: turn @ v, like)
    factors = iter([1.0, 1.0, 1.5, 1.0, 1.0])
    with pytest.raises(ValueError, match="`matvec` is not repeatable"):
        lsgeo.from_matvec(lambda v: v * jnp.asarray(next(factors), dtype), like)


def test_a_batch_with_a_scalar_or_with_arrays_of_other_lengths_is_fine_where_the_loss_takes_it():
    batch = {"x": jnp.ones((4, 2)), "scale": jnp.asarray(3.0), "mean": jnp.ones(2)}

    def loss(w, b):
        return jnp.mean(b["scale"] * ((b["x"] - b["mean"][None] + 1) @ w) ** 2)

    np.testing.assert_allclose(
        lsgeo.hessian(loss, jnp.ones(2), batch).to_dense(), 6 * np.ones((2, 2)), rtol=1e-12
    )

"""Weighted and padded examples against weighted closed forms."""

import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.operators.products import streaming
from tests import oracles
from tests.operators import problems

MANY_SIZES = (9, 1, 5, 9, 7, 3, 6)
WEIGHTS = np.random.default_rng(12).exponential(size=40) * (np.arange(40) != 7)


def _weighted_regression():
    loss, params, batch, _ = oracles.linear_regression()
    x = np.asarray(batch["x"])
    matrix = np.kron((x.T * WEIGHTS) @ x / WEIGHTS.sum(), np.eye(3))
    return loss, params, batch, matrix


def _log_cosh():
    """Regression with a curvature that depends on the residual: sum_k tanh'(r_k) x x'."""
    _, params, batch, _ = oracles.linear_regression()

    def predict(params, batch):
        return batch["x"] @ params["w"]

    def criterion(outputs, batch):
        return jnp.mean(jnp.sum(jnp.log(jnp.cosh(outputs - batch["y"])), axis=1))

    x, residual = np.asarray(batch["x"]), np.asarray(predict(params, batch) - batch["y"])

    def matrix(weights):
        curvature = weights[:, None] / np.cosh(residual) ** 2 / weights.sum()
        blocks = [np.kron(np.outer(a, a), np.diag(c)) for a, c in zip(x, curvature, strict=True)]
        return np.sum(blocks, axis=0)

    return predict, criterion, params, batch, matrix


@pytest.mark.parametrize("mode", ["linearized", "forward-over-reverse", "reverse-over-reverse"])
def test_weighted_hessian_of_linear_regression_is_the_weighted_covariance(mode):
    loss, params, batch, matrix = _weighted_regression()
    op = lsgeo.hessian(loss, params, batch, weights=3 * WEIGHTS, mode=mode)
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_weighted_and_streamed_hessian_is_the_weighted_covariance():
    loss, params, batch, matrix = _weighted_regression()
    for sizes in (MANY_SIZES, (32, 8), (40,)):
        op = lsgeo.hessian(loss, params, batches=problems.rows(batch, sizes), weights=WEIGHTS)
        np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_an_example_of_weight_two_counts_as_two_examples():
    _, _, loss, params, batch = problems.net()
    counts = np.array([1, 2, 0, 3, 1, 1, 2])
    repeated = {k: jnp.repeat(v, counts, axis=0, total_repeat_length=10) for k, v in batch.items()}
    expected = lsgeo.hessian(loss, params, repeated).to_dense()
    op = lsgeo.hessian(loss, params, batch, weights=counts)
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", [None, MANY_SIZES, (33, 7)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_gauss_newton_of_a_residual_dependent_loss_is_exact_for_ragged_and_weighted_data(
    sizes, weights
):
    predict, criterion, params, batch, matrix = _log_cosh()
    data = {"batch": batch} if sizes is None else {"batches": problems.rows(batch, sizes)}
    op = lsgeo.gauss_newton(predict, criterion, params, **data, weights=weights)
    expected = matrix(np.ones(40) if weights is None else weights)
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-10, atol=1e-12)


def test_batches_of_many_sizes_compile_twice_and_are_exact():
    loss, params, batch, matrix = oracles.linear_regression()
    before = streaming._accumulate._cache_size()
    op = lsgeo.hessian(loss, params, batches=problems.rows(batch, MANY_SIZES))
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)
    assert streaming._accumulate._cache_size() - before <= 2


def test_another_checkpoint_and_other_data_of_the_same_shapes_compile_nothing():
    loss, params, batch, _ = oracles.linear_regression()
    lsgeo.hessian(loss, params, batches=problems.rows(batch, (20, 20)))
    before = streaming._accumulate._cache_size()
    other = jax.tree.map(lambda x: x + 1, (params, batch))
    lsgeo.hessian(loss, other[0], batches=problems.rows(other[1], (20, 20)))
    assert streaming._accumulate._cache_size() == before


def test_a_pass_over_the_data_holds_two_batches_at_a_time():
    loss, params, batch, matrix = oracles.linear_regression()

    class FromDisk:
        def __init__(self):
            self.alive, self.most = [], 0

        def __iter__(self):
            for part in problems.rows(jax.tree.map(np.asarray, batch), (8, 8, 8, 8, 7, 1)):
                read = {k: jnp.array(v) for k, v in part.items()}
                self.alive = [ref for ref in self.alive if ref() is not None]
                self.alive.append(weakref.ref(read["x"]))
                self.most = max(self.most, len(self.alive))
                yield read
                del read

    source = FromDisk()
    op = lsgeo.hessian(loss, params, batches=source)
    np.testing.assert_allclose(op @ jnp.ones(18), matrix @ np.ones(18), rtol=1e-10)
    # One being multiplied, one being read.
    assert source.most <= 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(39), r"one number for each example, shape \(40,\); got \(39,\)"),
        (1.0, r"shape \(40,\); got \(\)"),
        (np.zeros(40), "not all zero"),
        (np.r_[-1.0, np.ones(39)], "at least zero.*from -1.0"),
        (np.r_[np.nan, np.ones(39)], "be finite"),
    ],
)
def test_bad_weights_are_named(weights, message):
    loss, params, batch, _ = oracles.linear_regression()
    for data in ({"batch": batch}, {"batches": [batch]}):
        with pytest.raises(ValueError, match="`weights` must.*" + message):
            lsgeo.hessian(loss, params, **data, weights=weights)


def test_outputs_without_the_examples_in_front_take_no_weights():
    predict, _, params, batch, _ = _log_cosh()

    def transposed(params, batch):
        return predict(params, batch).T

    def criterion(outputs, batch):
        return jnp.mean(outputs**2)

    with pytest.raises(ValueError, match="`predict` must return arrays with the 40 examples"):
        lsgeo.gauss_newton(transposed, criterion, params, batch, weights=WEIGHTS)

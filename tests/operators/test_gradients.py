"""Second moments of per-example gradients against the gradients themselves, one by one."""

import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests.operators import problems

PREDICT, _, LOSS, PARAMS, BATCH = problems.net()
GRADIENTS = problems.example_gradients(LOSS, PARAMS, BATCH)
SIZES = (3, 1, 2, 1)


def test_empirical_fisher_is_the_mean_of_the_gradients_outer_products_in_any_batches():
    expected = GRADIENTS.T @ GRADIENTS / len(GRADIENTS)
    op = lsgeo.empirical_fisher(LOSS, PARAMS, BATCH)
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-10, atol=1e-12)
    streamed = lsgeo.empirical_fisher(LOSS, PARAMS, batches=problems.rows(BATCH, SIZES))
    np.testing.assert_allclose(streamed.to_dense(), expected, rtol=1e-10, atol=1e-12)


def test_empirical_fisher_is_not_the_fisher_matrix():
    empirical = lsgeo.empirical_fisher(LOSS, PARAMS, BATCH).to_dense()
    exact = lsgeo.fisher(PREDICT, PARAMS, BATCH).to_dense()
    assert np.abs(empirical - exact).max() > 0.1 * np.abs(exact).max()


def test_gradient_covariance_is_centred_at_the_mean_of_all_the_data_in_any_batches():
    expected = np.cov(GRADIENTS.T, bias=True)
    op = lsgeo.gradient_covariance(LOSS, PARAMS, BATCH)
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-10, atol=1e-12)
    streamed = lsgeo.gradient_covariance(LOSS, PARAMS, batches=problems.rows(BATCH, SIZES))
    np.testing.assert_allclose(streamed.to_dense(), expected, rtol=1e-10, atol=1e-12)


def test_gradient_covariance_does_not_cancel_where_the_mean_gradient_is_large():
    def tilted(params, batch):
        return LOSS(params, batch) + 1e6 * (jnp.sum(params["a"]) + jnp.sum(params["b"]))

    expected = np.cov(GRADIENTS.T, bias=True)
    op = lsgeo.gradient_covariance(tilted, PARAMS, BATCH)
    # 1e6 * eps = 2e-10; the difference of the two second moments would be wrong by 1e12 * eps = 2e-4.
    np.testing.assert_allclose(op.to_dense(), expected, atol=1e-8)


def test_the_covariance_of_one_example_is_refused():
    one = problems.rows(BATCH, (1,))
    with pytest.raises(ValueError, match="`batch` has one example"):
        lsgeo.gradient_covariance(LOSS, PARAMS, one[0])
    with pytest.raises(ValueError, match="`batch` has one example"):
        lsgeo.gradient_covariance(LOSS, PARAMS, batches=one)


@pytest.mark.parametrize("make", [lsgeo.empirical_fisher, lsgeo.gradient_covariance])
def test_a_loss_that_is_not_a_mean_over_examples_has_no_example_gradients(make):
    def summed(params, batch):
        return len(batch["y"]) * LOSS(params, batch)

    with pytest.raises(ValueError, match="`loss` is not a mean over examples.*a sum in place"):
        make(summed, PARAMS, BATCH)
    with pytest.raises(ValueError, match="either `batch` or `batches`"):
        make(LOSS, PARAMS, BATCH, batches=[BATCH])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_gradients_that_are_all_alike_have_no_covariance(dtype):
    batch = jnp.asarray(np.ones((4, 3)), dtype)

    def loss(w, b):
        return jnp.mean(jnp.sin(b @ w) ** 2)

    op = lsgeo.gradient_covariance(loss, jnp.ones(3, dtype), batch)
    assert not np.asarray(op.to_dense()).any()

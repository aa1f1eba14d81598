"""Batches give what the whole data set gives."""

import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles
from tests.operators import problems


@pytest.mark.parametrize("sizes", [(32, 8), (1, 38, 1), (40,)])
def test_ragged_batches_give_the_hessian_of_the_full_batch(sizes):
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(loss, params, batches=problems.rows(batch, sizes))
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_ragged_batches_give_the_gauss_newton_matrix_of_the_full_batch():
    predict, criterion, params, batch, matrix = oracles.softmax_regression()
    op = lsgeo.gauss_newton(predict, criterion, params, batches=problems.rows(batch, (33, 7)))
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_streamed_operators_have_the_same_algebra():
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(loss, params, batches=problems.rows(batch, (32, 8)))
    np.testing.assert_allclose(
        (2.0 * op).shift(1.0).to_dense(), 2 * matrix + np.eye(18), rtol=1e-10
    )


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "`batches` is empty"),
        (iter([1]), "one-shot iterator"),
        (5, "must be a list of batches"),
        ([{"x": jnp.ones((3, 2)), "y": jnp.ones((4, 2))}], "equally many"),
        ([{"x": jnp.ones(())}], "leading axis"),
    ],
)
def test_malformed_batches_are_named(batches, message):
    loss, params, _, _ = oracles.linear_regression()
    with pytest.raises(ValueError, match=message):
        lsgeo.hessian(loss, params, batches=batches)


def test_batch_and_batches_exclude_each_other():
    loss, params, batch, _ = oracles.linear_regression()
    with pytest.raises(ValueError, match="either `batch` or `batches`"):
        lsgeo.hessian(loss, params, batch, batches=[batch])

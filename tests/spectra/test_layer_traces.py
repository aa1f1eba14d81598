"""Traces of layers against the blocks of dense matrices, and the coverage of their intervals."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import lsgeo

PARAMS = {
    "a": {"bias": jnp.ones(3), "kernel": jnp.ones((4, 5)), "none": jnp.zeros((0, 2))},
    "b": {"kernel": jnp.ones((5, 6))},
}
PLACES = {"a/bias": slice(0, 3), "a/kernel": slice(3, 23), "b/kernel": slice(23, 53)}


@functools.cache
def _operator():
    """A matrix with strong coupling between the layers, and one outlier."""
    rng = np.random.default_rng(0)
    matrix, spike = rng.standard_normal((53, 53)), rng.standard_normal(53)
    matrix = matrix + matrix.T + np.outer(spike, spike)

    def loss(params, half):
        v = jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(params)])
        return v @ half @ v

    truth = {name: np.trace(matrix[place, place]) for name, place in PLACES.items()}
    return lsgeo.hessian(loss, PARAMS, jnp.asarray(matrix / 2)), truth, matrix


@functools.cache
def _many():
    """Estimates with 200 keys, from 16 products each."""
    op = _operator()[0]
    return [lsgeo.layer_traces(op, key=jax.random.key(k), num_matvecs=16) for k in range(200)]


def test_with_as_many_products_as_rows_the_traces_are_those_of_the_blocks():
    op, truth, _ = _operator()
    found = lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=53)
    assert list(found) == list(truth)
    for name, estimate in found.items():
        np.testing.assert_allclose(estimate.value, truth[name], rtol=1e-11)
        assert estimate.standard_error == 0 and estimate.num_matvecs == 53


def test_traces_of_a_network_are_those_of_its_dense_hessian():
    rng = np.random.default_rng(1)
    batch = jnp.asarray(rng.standard_normal((9, 4)))
    params = {
        name: jnp.asarray(rng.standard_normal(shape))
        for name, shape in (("a", (4, 3)), ("b", (3,)))
    }

    def loss(p, x):
        return jnp.mean((jnp.tanh(x @ p["a"]) @ p["b"]) ** 2)

    blocks = jax.hessian(loss)(params, batch)
    op = lsgeo.hessian(loss, params, batch)
    exact = lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=99)
    sampled = lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=14)
    for name in params:
        size = params[name].size
        truth = np.trace(np.asarray(blocks[name][name]).reshape(size, size))
        np.testing.assert_allclose(exact[name].value, truth, rtol=1e-10)
        assert abs(sampled[name].value - truth) < 5 * sampled[name].standard_error


def test_ninety_five_percent_intervals_cover_every_layer_in_enough_of_200_keys():
    for name, truth in _operator()[1].items():
        intervals = [found[name].interval() for found in _many()]
        hits = sum(low <= truth <= high for low, high in intervals)
        assert 180 <= hits <= 199, name  # 90 to 99.5 %


def test_the_variance_of_a_layer_is_that_of_its_rows_without_the_diagonal():
    # Of z_b' (H z)_b: 2 sum over pairs within the block, and sum over pairs that couple it, of H_ij^2.
    matrix = _operator()[2]
    for name, place in PLACES.items():
        squares = matrix[place] ** 2
        within = np.sum(squares[:, place]) - np.sum(np.diag(matrix)[place] ** 2)
        variance = 2 * within + np.sum(squares) - np.sum(squares[:, place])
        # 3200 samples: the relative error of a variance is about sqrt(2 / 3200), more for heavy tails.
        found = np.mean([16 * one[name].standard_error ** 2 for one in _many()])
        np.testing.assert_allclose(found, variance, rtol=0.12)


def test_layers_add_up_to_hutchinsons_estimate_of_the_same_probes():
    op = _operator()[0]
    key = jax.random.key(5)
    layers = lsgeo.layer_traces(op, key=key, num_matvecs=20)
    whole = lsgeo.trace(op, key=key, num_matvecs=20, method="hutchinson")
    np.testing.assert_allclose(sum(one.value for one in layers.values()), whole.value, rtol=1e-12)
    joined = lsgeo.layer_traces(op, key=key, num_matvecs=20, depth=1)
    assert list(joined) == ["a", "b"]
    np.testing.assert_allclose(
        joined["a"].value, layers["a/bias"].value + layers["a/kernel"].value, rtol=1e-12
    )


def test_a_pattern_chooses_what_is_told_and_changes_no_number():
    op = _operator()[0]
    key = jax.random.key(5)
    whole = lsgeo.layer_traces(op, key=key, num_matvecs=20)
    kernels = lsgeo.layer_traces(op, ["**/kernel"], key=key, num_matvecs=20)
    assert kernels == {name: whole[name] for name in ("a/kernel", "b/kernel")}


def test_a_diagonal_operator_has_no_error_but_rounding_in_float32():
    values = np.linspace(1, 2, 53)
    params = jax.tree.map(lambda leaf: leaf.astype(np.float32), PARAMS)
    unravel = ravel_pytree(params)[1]
    diagonal = jnp.asarray(values, jnp.float32)
    op = lsgeo.from_matvec(lambda v: unravel(diagonal * ravel_pytree(v)[0]), params)
    for name, one in lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=8).items():
        low, high = one.interval()
        assert low <= values[PLACES[name]].sum() <= high and high - low < 1e-4


def test_the_products_are_those_of_one_sweep():
    calls = []

    def matvec(v):
        calls.append(1)
        return v

    op = lsgeo.from_matvec(matvec, PARAMS)
    calls.clear()
    found = lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=11)
    assert len(calls) == 11 == found["a/bias"].num_matvecs
    one = lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=1)["a/bias"]
    assert np.isnan(one.standard_error) and one.value == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "c/*"}, "`pattern` 'c/\\*' matches no parameter. There are: a/bias"),
        ({"pattern": []}, "`pattern` is an empty list"),
        ({"pattern": "a/none"}, "`pattern` chooses parameters of size 0 alone: a/none"),
        ({"num_matvecs": 0}, "`num_matvecs` must be an integer of at least 1"),
        ({"depth": 0}, "`depth` must be None or an integer of at least 1"),
        ({"key": 3}, "`key` must be one typed random key"),
        ({"op": np.eye(2)}, "`op` must be a lsgeo operator"),
    ],
)
def test_bad_arguments_are_named(options, message):
    arguments = {"op": _operator()[0], "key": jax.random.key(0), **options}
    with pytest.raises(ValueError, match=message):
        lsgeo.layer_traces(**arguments)


def test_a_product_that_is_not_finite_is_loud():
    calls = itertools.count()
    op = lsgeo.from_matvec(lambda v: v * (jnp.nan if next(calls) > 9 else 1.0), jnp.ones(50))
    with pytest.raises(ValueError, match="the product of `op` was not finite"):
        lsgeo.layer_traces(op, key=jax.random.key(0), num_matvecs=20)

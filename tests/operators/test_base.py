"""The algebra of operators against that of matrices."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

PARAMS = {"a": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}, "b": {"kernel": jnp.ones((3, 1))}}


def _pair():
    n = 12
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, n, n))
    a, b = a + a.T, b + b.T
    from jax.flatten_util import ravel_pytree

    _, unravel = ravel_pytree(PARAMS)

    def op(matrix):
        return lsgeo.from_matvec(lambda v: unravel(matrix @ ravel_pytree(v)[0]), PARAMS)

    return op(a), op(b), a, b


def test_expressions_of_operators_equal_expressions_of_matrices():
    left, right, a, b = _pair()
    cases = [
        (2.5 * left, 2.5 * a),
        (-left, -a),
        (left + right, a + b),
        (left - 0.5 * right, a - 0.5 * b),
        (left.shift(3.0), a + 3 * np.eye(12)),
        (left * 2, 2 * a),
        (left / 4, a / 4),
        (left / -0.3, a / -0.3),
        (np.float32(0.5) * left, 0.5 * a),
        (left * np.int64(3), 3 * a),
        (np.array(2.5) * left / jnp.asarray(2.0), 1.25 * a),
        (jnp.asarray(2.5) * left, 2.5 * a),
        (left * jnp.asarray(3), 3 * a),
    ]
    for op, matrix in cases:
        np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-12, atol=1e-12)


def test_factors_may_be_traced_and_a_traced_vector_is_refused():
    op = lsgeo.dense(np.diag([1.0, 2.0]))
    found = jax.jit(lambda c: (op * c / (2 * c)) @ jnp.ones(2))(jnp.asarray(3.0))
    np.testing.assert_allclose(found, [0.5, 1.0], rtol=1e-15)
    with pytest.raises(
        ValueError, match=r"`factor` must be a finite real scalar; got shape \(2,\)"
    ):
        jax.jit(lambda c: (op * c) @ jnp.ones(2))(jnp.ones(2))


def test_preconditioned_operator_is_scaled_by_the_inverse_roots_on_both_sides():
    left, _, a, _ = _pair()
    diagonal = jax.tree.map(
        lambda x: x + jnp.arange(x.size, dtype=x.dtype).reshape(x.shape), PARAMS
    )
    d = np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(diagonal)])
    expected = a / np.sqrt(np.outer(d, d))
    np.testing.assert_allclose(left.precondition(diagonal).to_dense(), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="`diagonal` must be positive"):
        left.precondition(jax.tree.map(jnp.zeros_like, PARAMS))


def test_restriction_takes_the_diagonal_block_of_the_named_leaves():
    left, _, a, _ = _pair()
    kernels = np.r_[3:9, 9:12]  # leaves in order: a/bias, a/kernel, b/kernel
    block = left.restrict("**/kernel")
    np.testing.assert_allclose(block.to_dense(), a[np.ix_(kernels, kernels)], rtol=1e-12)
    np.testing.assert_allclose(left.restrict("a/*").to_dense(), a[:9, :9], rtol=1e-12)
    either = left.restrict(["b/*", "**/bias"])
    rows = np.r_[0:3, 9:12]
    np.testing.assert_allclose(either.to_dense(), a[np.ix_(rows, rows)], rtol=1e-12)
    with pytest.raises(ValueError, match="`pattern` is an empty list"):
        left.restrict([])
    with pytest.raises(ValueError, match="'d' matches no parameter"):
        left.restrict(["a/*", "d"])
    with pytest.raises(ValueError, match=r"'c/\*' matches no parameter. There are: a/bias"):
        left.restrict("c/*")


def test_product_returns_the_kind_of_vector_that_it_was_given():
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(loss, params, batch)
    flat = jnp.arange(18.0)
    np.testing.assert_allclose(op @ flat, matrix @ flat, rtol=1e-12)
    tree = op @ {"w": flat.reshape(6, 3)}
    np.testing.assert_allclose(tree["w"], (matrix @ flat).reshape(6, 3), rtol=1e-12)
    with pytest.raises(ValueError, match="`v` must have the structure and shapes"):
        op @ {"w": jnp.zeros((3, 6))}
    with pytest.raises(ValueError, match="`v` must have the structure and shapes"):
        op @ jnp.zeros(17)


def test_a_matrix_too_large_to_form_is_refused_with_its_size():
    op = lsgeo.from_matvec(lambda v: v, jnp.zeros(100_000))
    with pytest.raises(ValueError, match="100000 rows.*74.5 GiB"):
        op.to_dense()


def test_from_matvec_calls_the_function_once_for_each_product():
    calls = []

    def matvec(v):
        calls.append(1)
        return 2 * v

    op = lsgeo.from_matvec(matvec, jnp.zeros(50))
    before = len(calls)
    pairs = lsgeo.extreme_eigenpairs(op, key=jax.random.key(0), top=1, bottom=0, basis_size=10)
    assert len(calls) - before == pairs.num_matvecs
    before = len(calls)
    density = lsgeo.spectral_density(op, key=jax.random.key(0), num_probes=3, num_steps=5)
    assert len(calls) - before == density.num_matvecs


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), "must be square"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), "must be symmetric"),
        (np.array([[np.nan]]), "NaN"),
        (np.eye(2, dtype=int), "real floating-point"),
    ],
)
def test_dense_refuses_what_is_not_a_symmetric_real_matrix(matrix, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.dense(matrix)


def test_product_with_integers_equals_that_with_the_same_floats():
    op = lsgeo.dense(np.diag([1.0, 2.0, 3.0]) / 4)
    product = op @ jnp.arange(3)
    assert product.dtype == op.dtype and product.tolist() == [0.0, 0.5, 1.5]


class TestVariants(chex.TestCase):
    """A product is the same inside `jit`, outside, and on a device of its own."""

    @chex.variants(with_jit=True, without_jit=True, with_device=True)
    def test_products_of_all_kinds_of_operators_are_those_of_their_matrices(self):
        predict, criterion, params, batch, matrix = oracles.softmax_regression()
        op = lsgeo.gauss_newton(predict, criterion, params, batch)
        fisher = lsgeo.fisher(predict, params, batch)
        scale = np.linspace(1, 2, 18)
        v = jnp.linspace(-1.0, 1.0, 18)
        for one, dense in (
            (op, matrix),
            (2.0 * op.shift(0.5) - fisher, matrix + np.eye(18)),
            (op.precondition({"w": scale.reshape(6, 3)}), matrix / np.sqrt(np.outer(scale, scale))),
            (lsgeo.dense(matrix), matrix),
        ):
            product = self.variant(lambda o, x: o @ x)(one, v)
            chex.assert_trees_all_close(product, dense @ v, rtol=1e-10, atol=1e-12)

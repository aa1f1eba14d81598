"""Properties that hold for every pytree of parameters, checked on random ones."""

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

import lsgeo
from lsgeo import trees

few = hypothesis.settings(max_examples=6, derandomize=True, deadline=None, database=None)

DTYPES = st.sampled_from(["float32", "float64", "float16", "bfloat16"])
# Few shapes, in many structures: each new one compiles.
SHAPES = st.sampled_from([(), (3,), (2, 3)])
SEEDS = st.integers(0, 2**31)


def _leaf(dtype):
    return st.builds(jax.ShapeDtypeStruct, SHAPES, dtype.map(jnp.dtype))


def _structures(dtype):
    def nest(inner):
        lists = st.lists(inner, min_size=1, max_size=3)
        return (
            lists
            | lists.map(tuple)
            | st.dictionaries(st.text("abc", min_size=1), inner, min_size=1, max_size=3)
        )

    trees_of = st.recursive(_leaf(dtype), nest, max_leaves=3)
    return trees_of.filter(lambda tree: 0 < sum(leaf.size for leaf in jax.tree.leaves(tree)) <= 30)


UNIFORM = st.sampled_from(["float32", "float64"]).flatmap(lambda d: _structures(st.just(d)))


def _fill(like, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda s: jnp.asarray(rng.standard_normal(s.shape).astype(s.dtype)), like)


def _symmetric(n, seed):
    matrix = np.random.default_rng(seed).standard_normal((n, n))
    return (matrix + matrix.T) / 2


def _operator(like, matrix):
    space = trees.space_of(like)
    wide = jnp.asarray(matrix, space.dtype)

    def matvec(v):
        return trees.unravel(space, jnp.matmul(wide, trees.ravel(space, v), precision="highest"))

    return lsgeo.from_matvec(matvec, like)


@few
@hypothesis.given(_structures(DTYPES), SEEDS)
def test_unravel_undoes_ravel_bitwise_whatever_the_structure_and_dtypes(like, seed):
    tree, space = _fill(like, seed), trees.space_of(like)
    flat = trees.ravel(space, tree)
    assert flat.shape == (sum(leaf.size for leaf in jax.tree.leaves(tree)),)
    chex.assert_trees_all_equal(trees.unravel(space, flat), tree)
    rows = trees.unravel(space, jnp.asarray(np.stack([flat, flat])))
    chex.assert_trees_all_equal(jax.tree.map(lambda leaf: np.asarray(leaf)[1], rows), tree)


@few
@hypothesis.given(_structures(DTYPES), SEEDS)
def test_norm_and_inner_product_of_trees_are_those_of_their_flat_vectors(like, seed):
    a, b = _fill(like, seed), _fill(like, seed + 1)
    space = trees.space_of(like)
    x, y = (np.asarray(trees.ravel(space, tree), np.float64) for tree in (a, b))
    # Each leaf's sum is rounded in the leaf's own precision.
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(a))
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    assert abs(float(trees.vdot(a, b)) - x @ y) <= 30 * eps * scale
    assert abs(float(trees.norm(a)) - np.linalg.norm(x)) <= 30 * eps * np.linalg.norm(x)


@few
@hypothesis.given(UNIFORM, SEEDS)
def test_product_with_a_pytree_is_the_product_with_its_flat_vector(like, seed):
    space = trees.space_of(like)
    matrix = _symmetric(space.size, seed)
    op, tree = _operator(like, matrix), _fill(like, seed)
    flat = trees.ravel(space, tree)
    chex.assert_trees_all_equal(op @ tree, trees.unravel(space, op @ flat))
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(tree))
    expected = matrix @ np.asarray(flat, np.float64)
    error = np.abs(np.asarray(op @ flat, np.float64) - expected).max()
    assert error <= 100 * eps * np.abs(matrix).sum() * np.abs(flat).max()


@few
@hypothesis.given(
    _structures(st.just("float64")), SEEDS, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)
)
def test_expressions_of_operators_are_those_of_their_matrices(like, seed, factor, offset):
    n = trees.space_of(like).size
    a, b = _symmetric(n, seed), _symmetric(n, seed + 1)
    left, right = _operator(like, a), _operator(like, b)
    identity = np.eye(n)
    for op, matrix in (
        (factor * left + right, factor * a + b),
        ((left - right).shift(offset), a - b + offset * identity),
        (factor * (left + right), factor * left.to_dense() + factor * b),
        (-(factor * left.shift(offset)), -factor * (a + offset * identity)),
    ):
        size = 1 + abs(factor) * (1 + abs(offset)) + abs(offset)
        np.testing.assert_allclose(op.to_dense(), matrix, rtol=0, atol=1e-14 * size * n)


@hypothesis.settings(few, max_examples=3)
@hypothesis.given(UNIFORM, SEEDS)
def test_hessian_of_a_quadratic_over_any_pytree_is_its_matrix(like, seed):
    space = trees.space_of(like)
    matrix = _symmetric(space.size, seed)

    def loss(params, batch):
        flat = trees.ravel(space, params)
        return 0.5 * jnp.mean(batch["weight"]) * flat @ (batch["matrix"] @ flat)

    batch = {
        "matrix": jnp.asarray(matrix, space.dtype),
        "weight": jnp.ones(space.size, space.dtype),
    }
    op = lsgeo.hessian(loss, _fill(like, seed), batch)
    assert op.shape == matrix.shape
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(like))
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=0, atol=30 * eps * np.abs(matrix).max())

"""Every operator where nothing promotes by itself: half precision, and leaves of two dtypes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lsgeo
from lsgeo import trees
from tests.operators import problems

KEY = jax.random.key(0)
BFLOAT16 = (jnp.bfloat16, jnp.bfloat16)
KINDS = [BFLOAT16, (jnp.float32, jnp.float64), (jnp.float64, jnp.float32)]
_, CRITERION, _, PARAMS, BATCH = problems.net(num=8, classes=2)
WEIGHTS = np.arange(1.0, 9.0)


def _predict(params, batch):
    hidden = jnp.tanh(batch["x"].astype(params["a"].dtype) @ params["a"])
    return hidden.astype(params["b"].dtype) @ params["b"]


def _loss(params, batch):
    return CRITERION(_predict(params, batch), batch)


def _params(kind):
    return {"a": PARAMS["a"].astype(kind[0]), "b": PARAMS["b"].astype(kind[1])}


def _parts(*sizes):
    return problems.rows(BATCH, sizes)


def _adam(params):
    # optax.adam itself promotes.
    ones = jax.tree.map(jnp.ones_like, params)
    return optax.ScaleByAdamState(jnp.asarray(1, jnp.int32), ones, ones)


MAKERS = {
    "hessian": lambda p: lsgeo.hessian(_loss, p, BATCH),
    "recomputed": lambda p: lsgeo.hessian(_loss, p, BATCH, mode="reverse-over-reverse"),
    "weighted": lambda p: lsgeo.hessian(_loss, p, BATCH, weights=WEIGHTS),
    "streamed": lambda p: lsgeo.hessian(_loss, p, batches=_parts(3, 5)),
    "streamed and weighted": lambda p: lsgeo.hessian(
        _loss, p, batches=_parts(3, 5), weights=WEIGHTS
    ),
    "differences": lambda p: lsgeo.hessian(_loss, p, BATCH, mode="finite-difference"),
    "Gauss-Newton": lambda p: lsgeo.gauss_newton(_predict, CRITERION, p, BATCH),
    "ragged Gauss-Newton": lambda p: lsgeo.gauss_newton(
        _predict, CRITERION, p, batches=_parts(4, 3, 1)
    ),
    "functional part": lambda p: lsgeo.split_hessian(_predict, CRITERION, p, BATCH)[1],
    "Fisher": lambda p: lsgeo.fisher(_predict, p, BATCH),
    "Gaussian Fisher": lambda p: lsgeo.fisher(_predict, p, BATCH, likelihood="gaussian"),
    "empirical Fisher": lambda p: lsgeo.empirical_fisher(_loss, p, BATCH),
    "streamed empirical Fisher": lambda p: lsgeo.empirical_fisher(_loss, p, batches=_parts(3, 5)),
    "covariance": lambda p: lsgeo.gradient_covariance(_loss, p, BATCH),
    "streamed covariance": lambda p: lsgeo.gradient_covariance(_loss, p, batches=_parts(3, 5)),
    "kernel": lambda p: lsgeo.ntk(_predict, p, BATCH),
    "algebra": lambda p: 2.0 * lsgeo.hessian(_loss, p, BATCH).shift(3) + lsgeo.fisher(
        _predict, p, BATCH
    ),
    "block": lambda p: lsgeo.hessian(_loss, p, BATCH).restrict("a"),
    "preconditioned": lambda p: lsgeo.hessian(_loss, p, BATCH).precondition(
        lsgeo.adam_diagonal(_adam(p), optax.scale_by_adam())
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(np.dtype(d).name for d in kind))
@pytest.mark.parametrize("name", MAKERS)
def test_products_in_any_dtype_are_those_in_double_precision_but_for_rounding(name, kind):
    low = _params(kind)
    exact = MAKERS[name](jax.tree.map(lambda leaf: leaf.astype(jnp.float64), low))
    op = MAKERS[name](low)
    v = jax.tree.map(
        lambda leaf: jnp.asarray(np.random.default_rng(1).standard_normal(leaf.shape), leaf.dtype),
        op.space.like,
    )
    product = op @ v
    chex.assert_trees_all_equal_shapes_and_dtypes(product, v)
    expected = exact @ jax.tree.map(lambda leaf: leaf.astype(jnp.float64), v)
    gap = jax.tree.map(lambda a, b: a.astype(jnp.float64) - b, product, expected)
    # The kernel's outputs are no more exact than the parameters.
    eps = max(op.space.eps, trees.space_of(low).eps)
    tolerance = 10 * (eps ** (2 / 3) if name == "differences" else eps)
    assert float(trees.norm(gap)) <= tolerance * float(trees.norm(expected))
    chex.assert_tree_all_finite(op.flat_product(trees.ravel(op.space, v)))


@pytest.mark.parametrize("likelihood", ["softmax", "gaussian"])
def test_sampled_labels_in_half_precision_give_a_positive_operator(likelihood):
    op = lsgeo.fisher(
        _predict, _params(BFLOAT16), BATCH, likelihood=likelihood, key=KEY, num_samples=3
    )
    values = np.linalg.eigvalsh(op.to_dense())
    assert values[-1] > 0 and values[0] > -10 * op.space.eps * values[-1]

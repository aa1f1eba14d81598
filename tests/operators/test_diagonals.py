"""Adam's second moments as a preconditioner."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import lsgeo
from tests import oracles


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adam(1e-3, b2=0.9, eps=1e-3),
        optax.chain(optax.clip_by_global_norm(1e9), optax.adamw(1e-3, b2=0.9, eps=1e-3)),
    ],
)
def test_hessian_preconditioned_by_adam_equals_the_explicit_matrix(optimizer):
    loss, params, batch, matrix = oracles.linear_regression()
    state, moments = optimizer.init(params), np.zeros((6, 3))
    for step in range(1, 4):
        gradient = np.random.default_rng(step).standard_normal((6, 3))
        with jax.numpy_dtype_promotion("standard"):  # Optax multiplies by its step count
            _, state = optimizer.update({"w": jnp.asarray(gradient)}, state, params)
        moments = 0.9 * moments + 0.1 * gradient**2
    diagonal = lsgeo.adam_diagonal(state, b2=0.9, eps=1e-3)
    expected = np.sqrt(moments / (1 - 0.9**3)) + 1e-3
    np.testing.assert_allclose(diagonal["w"], expected, rtol=1e-12)
    op = lsgeo.hessian(loss, params, batch).precondition(diagonal)
    root = np.sqrt(expected.ravel())
    np.testing.assert_allclose(op.to_dense(), matrix / np.outer(root, root), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("state", "options", "message"),
    [
        (optax.sgd(1.0, momentum=0.9).init(jnp.ones(2)), {}, "one Adam state; found 0"),
        (optax.amsgrad(1.0).init(jnp.ones(2)), {}, "one Adam state; found 0"),
        ((optax.adam(1.0).init(jnp.ones(2)),) * 2, {}, "one Adam state; found 2"),
        (optax.adam(1.0).init(jnp.ones(2)), {}, "has taken no step"),
        (None, {"b2": 1.0}, "`b2` must lie strictly between 0 and 1"),
        (None, {"eps": 0.0}, "`eps` must be positive"),
    ],
)
def test_states_without_one_used_adam_are_refused(state, options, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.adam_diagonal(state, **options)

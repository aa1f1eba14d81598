"""The tangent kernel of deep linear nets in closed form (oracle O10)."""

import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests.operators import problems


def _deep_linear(residual):
    rng = np.random.default_rng(6)
    weights = [0.5 * rng.standard_normal((4, 4)) for _ in range(3)]
    data = rng.standard_normal((4, 5))
    identity = np.eye(4) if residual else np.zeros((4, 4))

    def predict(params, batch):
        out = batch
        for w in params:
            out = (identity + w) @ out
        return out

    return predict, [jnp.asarray(w) for w in weights], jnp.asarray(data), identity


@pytest.mark.parametrize("residual", [False, True])
def test_kernel_of_a_deep_linear_net_is_the_sum_of_kronecker_products(residual):
    predict, params, data, identity = _deep_linear(residual)
    factors = [np.asarray(w) + identity for w in params]
    expected = np.zeros((20, 20))
    for layer in range(3):
        above, below = np.eye(4), np.asarray(data)
        for w in factors[:layer]:
            below = w @ below
        for w in factors[layer + 1 :]:
            above = w @ above
        expected += np.kron(above @ above.T, below.T @ below)
    op = lsgeo.ntk(predict, params, data)
    assert op.shape == (20, 20)
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-10, atol=1e-11)


def test_kernel_and_gaussian_fisher_share_their_nonzero_spectrum():
    predict, _, _, params, batch = problems.net()
    kernel = np.linalg.eigvalsh(lsgeo.ntk(predict, params, batch).to_dense()) / 7
    fisher = lsgeo.fisher(predict, params, batch, likelihood="gaussian").to_dense()
    values = np.linalg.eigvalsh(fisher)
    np.testing.assert_allclose(values[-21:], kernel, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(values[:-21], 0, atol=1e-12)


def test_kernel_acts_on_pytrees_like_the_outputs():
    def predict(params, batch):
        return {"sum": jnp.sum(batch @ params), "rows": batch @ params}

    data = jnp.asarray([[1.0, 0.0], [0.0, 2.0]])
    op = lsgeo.ntk(predict, jnp.ones(2), data)
    out = op @ {"sum": jnp.ones(()), "rows": jnp.zeros(2)}
    np.testing.assert_allclose(out["sum"], 5.0)
    np.testing.assert_allclose(out["rows"], [1.0, 4.0])


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda p, b: jnp.argmax(b @ p), "`outputs` must hold real floating-point"),
        (lambda p, b: jnp.log(-jnp.abs(b @ p)), "`outputs` has a NaN"),
        (7, "`predict` must be callable"),
    ],
)
def test_outputs_without_a_kernel_are_refused(predict, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.ntk(predict, jnp.ones(2), jnp.eye(2))

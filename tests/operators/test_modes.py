"""All ways to multiply agree, and `auto` takes the one that fits."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import memory, trees
from lsgeo.operators.products import modes
from tests import oracles
from tests.operators import problems

_, _, LOSS, PARAMS, BATCH = problems.net()
MODES = ("linearized", "forward-over-reverse", "reverse-over-reverse", "finite-difference")
EPS = np.finfo(np.float64).eps


def _callback(function, x):
    return jax.pure_callback(function, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


@jax.custom_vjp
def _kernel(x):
    """tanh whose forward and backward pass JAX cannot look into."""
    return _callback(np.tanh, x)


_kernel.defvjp(
    lambda x: (_kernel(x), x), lambda x, g: (g * _callback(lambda y: 1 / np.cosh(y) ** 2, x),)
)


def _with(activation):
    def loss(params, batch):
        hidden = activation(batch["x"] @ params["a"])
        return jnp.mean((hidden @ params["b"]) ** 2)

    return loss


def _steep(x):
    """Piecewise linear with kinks closer than a step."""
    return jnp.abs(jnp.mod(1e6 * x, 2.0) - 1.0) * 1e-6 + x


def test_all_modes_agree():
    exact = lsgeo.hessian(LOSS, PARAMS, BATCH, mode="linearized").to_dense()
    for mode in (*MODES, "auto"):
        op = lsgeo.hessian(LOSS, PARAMS, BATCH, mode=mode)
        # The central difference has a step of eps^(1/3) ||params||: an error of its square.
        tolerance = 1e-7 if mode == "finite-difference" else 1e-12
        np.testing.assert_allclose(op.to_dense(), exact, atol=tolerance * np.abs(exact).max())
        assert op.mode == ("linearized" if mode == "auto" else mode)
        parts = problems.rows(BATCH, (5, 2))
        streamed = lsgeo.hessian(LOSS, PARAMS, batches=parts, mode=mode)
        v = jnp.arange(1.0, 1.0 + len(exact))
        error = np.linalg.norm(streamed @ v - exact @ v) / np.linalg.norm(exact @ v)
        assert error < tolerance
        recomputing = mode in ("auto", "linearized")
        assert streamed.mode == ("forward-over-reverse" if recomputing else mode)


def test_noise_of_the_finite_difference_is_its_error_within_a_factor_of_ten():
    op = lsgeo.hessian(LOSS, PARAMS, BATCH, mode="finite-difference")
    exact = lsgeo.hessian(LOSS, PARAMS, BATCH).to_dense()
    error = np.linalg.norm(op.to_dense() - exact, 2) / np.linalg.norm(exact, 2)
    assert EPS ** (2 / 3) <= float(op.noise) < 1e-7
    assert error < 10 * float(op.noise)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_finite_difference_is_free_of_the_units_of_loss_and_parameters(scale):
    loss, params, batch, matrix = oracles.linear_regression()
    op = lsgeo.hessian(lambda p, b: scale * loss(p, b), params, batch, mode="finite-difference")
    np.testing.assert_allclose(op.to_dense() / scale, matrix, atol=1e-8)
    moved = lsgeo.hessian(
        lambda p, b: loss({"w": p["w"] / scale}, b),
        {"w": scale * params["w"]},
        batch,
        mode="finite-difference",
    )
    np.testing.assert_allclose(moved.to_dense() * scale**2, matrix, atol=1e-8)


def test_finite_difference_of_a_zero_vector_or_at_zero_parameters_is_no_nan():
    loss, params, batch, matrix = oracles.linear_regression()
    zeros = jax.tree.map(jnp.zeros_like, params)
    op = lsgeo.hessian(loss, zeros, batch, mode="finite-difference")
    assert not np.asarray(op @ jnp.zeros(18)).any()
    np.testing.assert_allclose(op.to_dense(), matrix, atol=1e-8)


def test_a_kernel_without_forward_derivative_takes_the_finite_difference():
    exact = lsgeo.hessian(_with(jnp.tanh), PARAMS, BATCH).to_dense()
    for mode in ("auto", "finite-difference"):
        op = lsgeo.hessian(_with(_kernel), PARAMS, BATCH, mode=mode)
        assert op.mode == "finite-difference"
        np.testing.assert_allclose(op.to_dense(), exact, atol=1e-7 * np.abs(exact).max())
    streamed = lsgeo.hessian(_with(_kernel), PARAMS, batches=[BATCH])
    assert streamed.mode == "finite-difference"
    for mode in MODES[:3]:
        with pytest.raises(ValueError, match="Pass mode='finite-difference' or mode='auto'"):
            lsgeo.hessian(_with(_kernel), PARAMS, BATCH, mode=mode)


def test_inside_jit_a_derivative_that_fails_when_lowered_is_not_taken():
    @jax.custom_vjp
    def act(x):
        return jnp.tanh(x)

    act.defvjp(lambda x: (act(x), x), lambda x, g: (g * (1 - jnp.tanh(x) ** 2),))
    v = jax.tree.map(jnp.ones_like, PARAMS)
    inside = jax.jit(lambda p: lsgeo.hessian(_with(act), p, BATCH) @ v)(PARAMS)
    chex.assert_trees_all_close(inside, lsgeo.hessian(_with(jnp.tanh), PARAMS, BATCH) @ v)


def test_what_is_wrong_with_the_gradient_itself_is_not_blamed_on_the_mode():
    @jax.custom_vjp
    def broken(x):
        return x

    def backward(_, g):
        raise TypeError("no backward pass today")

    broken.defvjp(lambda x: (x, None), backward)
    for mode in ("auto", "linearized"):
        with pytest.raises(TypeError, match="no backward pass today"):
            lsgeo.hessian(lambda p, b: jnp.sum(broken(p)), jnp.ones(2), jnp.ones(1), mode=mode)


def test_auto_recomputes_where_the_linearisation_takes_over_half_of_the_free_memory(monkeypatch):
    held = modes.linearize(trees.as_pytree(LOSS, "loss"), PARAMS, BATCH)[2]
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(held))
    for free, mode in ((2 * size, "linearized"), (2 * size - 1, "forward-over-reverse")):
        monkeypatch.setattr(memory, "device_free", lambda free=free: free)
        assert lsgeo.hessian(LOSS, PARAMS, BATCH).mode == mode


def test_auto_traces_the_loss_as_often_as_the_linearisation_alone():
    counts = []
    for mode in ("linearized", "auto"):
        calls = []

        def loss(params, batch, calls=calls):
            calls.append(1)
            return LOSS(params, batch)

        lsgeo.hessian(loss, PARAMS, BATCH, mode=mode)
        counts.append(len(calls))
    assert counts[0] == counts[1]


def test_finite_difference_over_the_kinks_of_relu_is_refused_with_the_cause():
    with pytest.raises(ValueError, match="not linear.*kinks"):
        lsgeo.hessian(_with(_steep), PARAMS, BATCH, mode="finite-difference")


def test_an_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="`mode` must be one of auto, linearized.*got 'fast'"):
        lsgeo.hessian(LOSS, PARAMS, BATCH, mode="fast")

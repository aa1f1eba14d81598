"""Gradient flow of chains whose gradients are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from tests.study.measures.linear_chains import rotations, subject

FLOW = METRICS["gradient_flow"]


def test_rotations_keep_every_norm_every_angle_and_every_singular_value():
    weights = rotations(5, 4)
    images = np.random.default_rng(1).normal(size=(6, 4))
    found = FLOW.measure(subject(weights[:4], weights[4], images, [0, 1, 2, 3, 0, 1]))
    for name in FLOW.names[: FLOW.names.index("input_gradient_correlation")]:
        assert found[name] == pytest.approx(0, abs=1e-12)
    assert found["input_gradient_correlation"] == pytest.approx(1)
    assert found["jacobian_moment_ratio"] == pytest.approx(1)


@pytest.mark.parametrize("skip", ["none", "identity"])
@pytest.mark.parametrize("weights", [(0.5, 0.2, 0.1), (2.0, 3.0, 4.0)])
def test_gradients_of_a_scalar_chain_are_products_of_its_other_factors(skip, weights):
    factors = np.array(weights) + (skip == "identity")
    found = FLOW.measure(
        subject(
            [[[w]] for w in weights], [[1.0, -1.0]], [[1.0], [2.0], [-1.0]], [0, 1, 1], skip=skip
        )
    )
    # d/dW_first has all factors but the first, d/dW_last all but the last.
    assert found["log_gradient_ratio"] == pytest.approx(np.log(factors[-1] / factors[0]))
    assert found["gradient_unevenness"] == pytest.approx(abs(found["log_gradient_ratio"]))
    for name in ("log_stream_ratio_median", "stream_log_ratio"):
        assert found[name] == pytest.approx(np.log(factors[1] * factors[2]))
    assert found["stream_unevenness"] == pytest.approx(abs(found["stream_log_ratio"]))
    shrinks = skip == "none" and weights[0] < 1
    assert (found["log_stream_ratio_median"] < 0) == shrinks


def test_mean_and_median_over_examples_part_where_one_example_has_another_path():
    # Two examples go through the unit that shrinks by 0.1 and one through that which keeps its size.
    unit = np.diag([0.1, 1.0])
    found = FLOW.measure(
        subject([unit] * 3, np.eye(2), [[1, -1], [2, -1], [-1, 1]], [0, 1, 0], activation="relu")
    )
    assert found["log_stream_ratio_median"] == pytest.approx(np.log(0.01))
    assert found["log_stream_ratio_mean"] == pytest.approx(np.log((0.01 + 0.01 + 1) / 3))
    assert found["stream_log_ratio"] == pytest.approx(2 * np.log(0.01) / 3)


def test_a_gradient_that_is_gone_is_counted_and_not_averaged():
    # Of three inputs the second one's only live unit is dead from the second block on.
    kernels = [np.eye(2), np.diag([1.0, -1.0]), np.eye(2)]
    found = FLOW.measure(
        subject(kernels, np.eye(2), [[1, -1], [-1, 2], [1, -2]], [0, 1, 0], activation="relu")
    )
    assert found["stream_log_ratio"] == pytest.approx(0, abs=1e-12)
    # The head sees nothing of it, so that it has no gradient above the last block either.
    assert found["stream_lost_share"] == 0
    cut = [np.eye(2), np.eye(2), np.array([[1.0, 0.0], [0.0, -1.0]])]
    lost = subject(cut, np.eye(2), [[1, -1], [-1, 2]], [0, 1], activation="relu")
    block = lost.params["block_2"]["dense_0"]
    lost.params["block_2"]["dense_0"] = {**block, "bias": jnp.array([0.0, 3.0])}
    block = lost.params["block_1"]["dense_0"]
    lost.params["block_1"]["dense_0"] = {**block, "bias": jnp.array([0.0, -5.0])}
    # The second input dies in the second block, and a bias lifts its unit again behind it.
    assert FLOW.measure(lost)["stream_lost_share"] == pytest.approx(0.5)


def test_all_kernels_of_a_homogeneous_network_do_the_same_work_and_a_bias_or_a_skip_ends_that():
    rng = np.random.default_rng(0)
    kernels, head = rng.normal(size=(5, 6, 6)), rng.normal(size=(6, 4))
    data = rng.normal(size=(12, 6)), np.arange(12) % 4
    plain = subject(kernels, head, *data, activation="relu")
    found = FLOW.measure(plain)
    assert found["kernel_work_spread"] < 1e-10
    # Euler: each block's work is that of the head, the sum of logits times their gradients.
    gradient = jax.grad(plain.loss)(plain.params, plain.batch)
    logits = np.asarray(plain.predict(plain.params, plain.batch))
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(4)[data[1]]
    work = np.vdot(
        plain.params["block_1"]["dense_0"]["kernel"], gradient["block_1"]["dense_0"]["kernel"]
    )
    assert work == pytest.approx(float((softmax * logits).sum() / 12))
    assert abs(found["stream_log_ratio"]) > 0.1
    assert (
        FLOW.measure(subject(kernels, head, *data, activation="relu", skip="identity"))[
            "kernel_work_spread"
        ]
        > 0.1
    )
    bias = plain.params["block_2"]["dense_0"]
    plain.params["block_2"]["dense_0"] = {**bias, "bias": jnp.ones(6)}
    assert FLOW.measure(plain)["kernel_work_spread"] > 0.01


def test_moment_ratio_is_that_of_the_singular_values_that_are_given():
    found = FLOW.measure(
        subject([np.diag([1.0, 2.0])] * 2, np.eye(2), [[1.0, 1], [2, 1]], [0, 1], skip="none")
    )
    squares = np.array([1.0, 4.0]) ** 2
    expected = np.mean(squares**2) / np.mean(squares) ** 2
    assert found["jacobian_moment_ratio"] == pytest.approx(expected)


def test_a_network_whose_units_are_all_dead_has_no_numbers():
    found = FLOW.measure(
        subject([np.eye(2)] * 2, np.eye(2), [[-1.0, -1], [-2, -1]], [0, 1], activation="relu")
    )
    assert np.isnan([found[name] for name in FLOW.names]).all()


def test_gradient_flow_suits_no_scanned_network():
    assert FLOW.suits(models.MLP(2, 4)) and not FLOW.suits(models.MLP(2, 4, scan=True))

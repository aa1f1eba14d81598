"""Gradient flow of chains whose gradients are known by hand."""

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
    for name in FLOW.names[:4]:
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
    assert found["log_stream_ratio_median"] == pytest.approx(np.log(factors[1] * factors[2]))
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

"""The tangent kernel's condition number, against the exact kernel of deep linear networks."""

import jax
import numpy as np
import pytest

from lsgeo import models, operators
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.signals import conditioning
from tests.study.measures import subjects

STRENGTHS = {"none": 0.0, "constant(scale=0.5)": 0.5, "identity": 1.0}


def linear(skip, depth=4, dtype=np.float64, num=4):
    model = models.create(
        "mlp", depth=depth, width=5, num_classes=3, skip=skip, activation="linear"
    )
    return subjects.subject(model, subjects.batch(num, dtype=dtype))


def exact_kernel(subject, strength):
    # sum over layers of A A' kron (B' B + 1), B what enters the layer and A what follows it; 1 is the bias's.
    params = jax.tree.map(np.float64, subject.params)
    names = [f"block_{i}" for i in range(subject.model.depth)]
    maps = [strength * np.eye(5) + params[name]["dense_0"]["kernel"] for name in names]
    maps = [params["stem"]["kernel"], *maps, params["head"]["kernel"]]
    below, kernel = np.float64(subject.batch["image"]), 0.0
    for i, here in enumerate(maps):
        after = np.eye(here.shape[1])
        for later in maps[i + 1 :]:
            after = after @ later
        kernel = kernel + np.kron(below @ below.T + 1, after.T @ after)
        below = below @ here
    return kernel


@pytest.mark.parametrize("skip", STRENGTHS)
def test_condition_of_a_deep_linear_network_is_that_of_its_exact_kernel(skip):
    subject = linear(skip)
    values = np.linalg.eigvalsh(exact_kernel(subject, STRENGTHS[skip]))
    found = METRICS["conditioning"].measure(subject)
    assert found["ntk_rank"] == len(values) == 12 and values[0] > 1e-6 * values[-1]
    np.testing.assert_allclose(found["ntk_condition"], values[-1] / values[0], rtol=1e-8)
    spread = values.mean() / np.exp(np.log(values).mean())
    np.testing.assert_allclose(found["ntk_spread"], spread, rtol=1e-8)


def test_zero_modes_do_not_count_in_single_precision():
    # 10 examples of 6 numbers and a one: the logits of a linear network have 7 x 3 degrees of freedom.
    subject = linear("identity", num=10, dtype=np.float32)
    values = np.linalg.eigvalsh(exact_kernel(subject, 1.0))[-21:]
    found = METRICS["conditioning"].measure(subject)
    assert found["ntk_rank"] == 21
    np.testing.assert_allclose(found["ntk_condition"], values[-1] / values[0], rtol=1e-3)


def test_rows_of_the_jacobian_are_those_of_the_kernel_operator_with_batch_norm_as_evaluated():
    model = models.create("mlp", depth=2, width=5, num_classes=3, norm="batch")
    subject = subjects.subject(model, subjects.batch(8, dtype=np.float64))
    few = subject.batch["image"][:4]
    jacobian = conditioning.output_jacobian(subject.predict, subject.params, few)
    op = operators.ntk(subject.predict, subject.params, {"image": few})
    np.testing.assert_allclose(jacobian @ jacobian.T, op.to_dense(), rtol=1e-9, atol=1e-9)


def test_prescribed_spectra_give_their_ratio_and_what_is_not_finite_gives_nan():
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    found = conditioning.kernel_condition(q * np.array([4.0, 2.0, 1.0, 0.5, 0.0, 1e-9]))
    assert found["ntk_rank"] == 4
    np.testing.assert_allclose(found["ntk_condition"], 64, rtol=1e-9)
    np.testing.assert_allclose(found["ntk_spread"], (16 + 4 + 1 + 0.25) / 4 / 2, rtol=1e-9)
    assert conditioning.kernel_condition(np.zeros((2, 3)))["ntk_rank"] == 0
    assert np.isnan(list(conditioning.kernel_condition(np.full((2, 3), np.nan)).values())).all()

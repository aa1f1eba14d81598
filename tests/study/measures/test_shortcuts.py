"""What shortcuts let through, against their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from tests.study.measures import subjects

DEPTH = 3


def deviation(family="mlp", shape=(6,), params=None, **options):
    model = models.create(family, **{"num_classes": 3, **options})
    subject = subjects.subject(model, subjects.batch(5, shape=shape), params=params)
    return METRICS["shortcuts"].measure(subject)["shortcut_deviation"], subject


@pytest.mark.parametrize(
    "skip, product",
    [
        ("none", 0),
        ("identity", 1),
        ("scaled", 1),
        ("layerscale", 1),
        ("constant(scale=0.5)", 0.5**DEPTH),
        ("constant(scale=0.9,convex=True)", 0.9**DEPTH),
        ("constant(scale=2.0)", 2**DEPTH),
        ("dropout(rate=0.25)", 0.75**DEPTH),
        ("identity(every=2)", 0),
    ],
)
def test_constant_shortcuts_give_their_power(skip, product):
    found, _ = deviation(depth=DEPTH, width=4, skip=skip)
    np.testing.assert_allclose(found, abs(product - 1), rtol=1e-6)


@pytest.mark.parametrize(
    "skip", ["exclusive_gate(bias=-1)", "shortcut_gate(bias=-1)", "highway(bias=-1)"]
)
def test_gates_count_with_the_derivative_of_what_they_pass(skip):
    found, subject = deviation(depth=1, width=4, skip=skip)
    params = jax.tree.map(np.float64, subject.params)
    x = np.float64(subject.batch["image"]) @ params["stem"]["kernel"]
    kernel, bias = (params["block_0"]["skip"]["gate"][name] for name in ("kernel", "bias"))

    def passed(x):
        return x / (1 + np.exp(x @ kernel + bias))

    # The mean over examples and channels of d passed_c / d x_c, by central differences.
    slopes = [
        (passed(x + 1e-5 * unit) - passed(x - 1e-5 * unit))[:, c] / 2e-5
        for c, unit in enumerate(np.eye(4))
    ]
    np.testing.assert_allclose(found, abs(np.mean(slopes) - 1), rtol=1e-5)


def test_projections_count_with_their_mean_diagonal():
    found, subject = deviation(depth=2, width=4, skip="projection")
    kernels = [subject.params[f"block_{i}"]["skip"]["projection"]["kernel"] for i in range(2)]
    product = np.prod([np.trace(np.float64(kernel)) / 4 for kernel in kernels])
    np.testing.assert_allclose(found, abs(product - 1), rtol=1e-5)


def test_a_closed_gate_is_an_identity_and_an_open_one_is_none():
    options = {"depth": 2, "width": 4, "skip": "shortcut_gate"}
    _, subject = deviation(**options)
    for bias, expected in ((-40.0, 0.0), (40.0, 1.0)):
        params = jax.tree.map(jnp.zeros_like, subject.params)
        for name in ("block_0", "block_1"):
            params[name]["skip"]["gate"]["bias"] = jnp.full(4, bias, jnp.float32)
        assert deviation(params=params, **options)[0] == pytest.approx(expected, abs=1e-6)


def test_a_change_of_shape_and_a_compiled_loop_do_not_count():
    options = {"depth": 8, "width": 2, "norm": "none", "skip": "constant(scale=0.5)"}
    found, _ = deviation("resnet", (4, 4, 1), **options)
    np.testing.assert_allclose(found, 1 - 0.5**3, rtol=1e-6)
    scanned, _ = deviation(depth=DEPTH, width=4, skip="shortcut_gate", scan=True)
    single, _ = deviation(depth=DEPTH, width=4, skip="shortcut_gate")
    np.testing.assert_allclose(scanned, single, rtol=1e-6)


def test_the_second_half_of_a_transformers_block_counts():
    found, _ = deviation(
        "vit", (2, 2, 1), depth=1, width=4, mlp_skip="constant(scale=0.5)", skip="identity"
    )
    np.testing.assert_allclose(found, 1 - 0.5, rtol=1e-6)


def test_several_streams_have_no_shortcut_and_concatenation_is_not_measured():
    assert np.isnan(deviation(depth=2, width=4, skip="hyper")[0])
    assert not METRICS["shortcuts"].suits(models.create("densenet", depth=7))

"""The law of the stream's gradient beside Monte Carlo in NumPy, and numbers by hand."""

import math

import numpy as np
import pytest

from lsgeo import models
from lsgeo.study.measures import METRICS
from lsgeo.study.measures.signals.gradient_law import factors, stream_law
from tests.study.measures import subjects

LAW = METRICS["gradient_law"]
SKIPS = {
    "none": (0, 1),
    "identity": (1, 1),
    "scaled": (1, 6**-0.5),
    "constant(scale=0.5)": (0.5, 1),
}


def logs(shortcut, branch, depth, width, count):
    """log(first / last) of `count` networks x -> c x + a W relu(x), drawn and run in NumPy."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((count, width))
    masks, kernels = [], []
    for _ in range(depth):
        kernels.append(rng.standard_normal((count, width, width)) * np.sqrt(2 / width))
        masks.append(x > 0)
        x = shortcut * x + branch * np.einsum("kij,kj->ki", kernels[-1], x * masks[-1])
    # The head reads relu(x): its gradient passes the last masks.
    top = last = rng.standard_normal((count, width)) * (x > 0)
    for mask, kernel in list(zip(masks, kernels, strict=True))[:0:-1]:
        top = shortcut * top + branch * mask * np.einsum("kij,ki->kj", kernel, top)
    found, size = (np.linalg.norm(gradient, axis=1) for gradient in (top, last))
    there = (found > 0) & (size > 0)
    return np.log(found[there] / size[there])


def subject(skip, depth=6, width=12):
    model = models.create("mlp", num_classes=5, depth=depth, width=width, norm="none", skip=skip)
    return subjects.subject(model, subjects.batch(8, 5, (7,)), classes=5)


@pytest.mark.parametrize("skip", SKIPS)
def test_the_mean_over_redrawn_networks_is_that_of_networks_drawn_in_numpy(skip):
    found = LAW.measure(subject(skip))
    expected = logs(*SKIPS[skip], 6, 12, 3000)
    error = math.hypot(found["stream_log_ratio_error"], expected.std() / math.sqrt(len(expected)))
    # Four standard errors, and what a random gradient at the top differs from that of a loss.
    assert abs(found["stream_log_ratio_redrawn"] - expected.mean()) < 4 * error + 0.03


@pytest.mark.parametrize(("width", "depth"), [(24, 6), (48, 10)])
@pytest.mark.parametrize("skip", SKIPS)
def test_the_law_without_a_free_parameter_is_met_by_monte_carlo_to_second_order(skip, width, depth):
    shortcut, branch = SKIPS[skip]
    law, seen = (
        stream_law(shortcut, branch, depth, width),
        logs(shortcut, branch, depth, width, 1500),
    )
    error = seen.std() / math.sqrt(len(seen))
    assert abs(seen.mean() - law.mean) < 4 * error + 8 * (depth - 1) / width**2
    if not shortcut:
        # A standard deviation from 1500 numbers is good to 4 x 1.8 %; the rest is of higher order in 1 / n.
        assert seen.std() == pytest.approx(law.deviation, rel=0.08 + 3 / width)
    else:
        assert seen.std() > 0.9 * law.deviation


def test_the_law_is_hanin_and_nicas_without_a_skip_and_says_what_is_known_with_one():
    plain = stream_law(0, 1, 16, 16)
    assert plain.mean == pytest.approx(-1.25 * 15 / 16)
    assert plain.deviation == pytest.approx(math.sqrt(5 * 15 / 16) / 2)
    assert stream_law(1, 1, 128, 10**9).mean == pytest.approx(127 * math.log(2) / 2)
    assert stream_law(1, 400**-0.5, 400, 10**9).mean == pytest.approx(0.5, abs=2e-3)


def test_the_law_is_about_he_initialised_relu_networks_without_a_norm_alone():
    mlp = models.MLP(4, 8, skip="none")
    assert factors(mlp) == (0, 1) and LAW.suits(mlp)
    assert factors(mlp.clone(skip="constant(scale=0.25, convex=True)")) == (0.25, 0.75)
    for changed in (
        *({"norm": "layer"}, {"activation": "tanh"}, {"initializer": "identity"}, {"scan": True}),
        *({"skip": "rezero"}, {"block": "two_layer"}, {"skip": "identity(every=2)"}, {"depth": 1}),
    ):
        assert not LAW.suits(mlp.clone(**changed))
    assert not LAW.suits(models.ResNet(depth=8))

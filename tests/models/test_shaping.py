"""TAT and DKS against what their papers ask: maps by quadrature, and wide networks by chance."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from lsgeo.models import activations, create, init
from lsgeo.models.families import _shaping as shaping
from lsgeo.models.families.mlp import BLOCKS
from lsgeo.models.initializers import scaled_orthogonal

DEEP = (17, 33, 65)


def normal(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def mean(function):
    # Not the code's quadrature: adaptive, with the kink of a leaky ReLU at 0 between two intervals.
    sides = (
        integrate.quad(lambda z: function(z) * normal(z), *ends) for ends in ((-12, 0), (0, 12))
    )
    return sum(value for value, _ in sides)


@functools.cache
def numpy_of(name, num):
    made = jax.jit(shaping.SHAPED[name](num))
    return lambda z: float(made(jnp.float64(z)))


@pytest.mark.parametrize("q", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("num", [5, 33])
def test_a_tailored_rectifier_keeps_every_mean_square(num, q):
    act = numpy_of("tat", num)
    np.testing.assert_allclose(mean(lambda z: act(np.sqrt(q) * z) ** 2), q, rtol=1e-7)


@pytest.mark.parametrize("num", DEEP)
def test_the_cosine_of_orthogonal_examples_becomes_the_target_through_all_layers(num):
    # The angle's integral of a product of two leaky ReLUs, in place of its closed form.
    slope = shaping.tailored_slope(num)
    angles = np.linspace(0, 2 * np.pi, 20_001)[:-1]

    def leaky(x):
        return np.where(x > 0, x, slope * x)

    def step(cosine):
        pair = np.cos(angles), np.cos(angles - np.arccos(cosine))
        # E r^2 = 2 for two normal numbers; the mean over angles of f f' has the rest.
        return 2 * np.mean(leaky(pair[0]) * leaky(pair[1])) * 2 / (1 + slope**2)

    cosine = 0.0
    for _ in range(num):
        cosine = step(cosine)
    np.testing.assert_allclose(cosine, 0.9, atol=2e-6)


def test_relus_that_stay_below_the_target_are_left_alone_and_the_slope_grows_with_depth():
    # Cho and Saul's map of ReLUs from 0, nine times over, is 0.855.
    assert shaping.tailored_slope(9) == 0 and shaping.leaky_cosine(0, 0, 9) < 0.9
    np.testing.assert_allclose(shaping.leaky_cosine(0, 0, 1), 1 / np.pi, rtol=1e-12)
    slopes = [shaping.tailored_slope(num) for num in (13, *DEEP, 1000)]
    assert slopes == sorted(slopes) and 0 < slopes[0] and slopes[-1] < 1
    assert shaping.tailored_slope(33, target=0.8) > shaping.tailored_slope(33, target=0.9)


@pytest.mark.parametrize("num", [5, 33])
@pytest.mark.parametrize("name", ["dks_softplus", "dks_tanh"])
def test_deep_kernel_shaping_meets_its_four_conditions(name, num):
    act = numpy_of(name, num)

    def squares(q):
        return mean(lambda z: act(np.sqrt(q) * z) ** 2)

    np.testing.assert_allclose(squares(1.0), 1, rtol=1e-7)
    h = 1e-3
    np.testing.assert_allclose((squares(1 + h) - squares(1 - h)) / (2 * h), 1, rtol=1e-5)
    np.testing.assert_allclose(mean(act) ** 2, 0, atol=1e-12)  # C(0) = (E f)^2
    slope = mean(lambda z: ((act(z + 1e-4) - act(z - 1e-4)) / 2e-4) ** 2)  # C'(1) = E f'^2
    np.testing.assert_allclose(slope**num, 1.5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "target"), [("tat", 0.9), ("dks_softplus", 0.0), ("dks_tanh", 0.0)]
)
def test_in_wide_layers_orthogonal_images_arrive_with_the_cosine_of_the_theory(name, target):
    width, num = 1000, 17
    act, rng = jax.jit(shaping.SHAPED[name](num)), np.random.default_rng(0)
    found = []
    for _ in range(3):
        x = np.linalg.qr(rng.normal(size=(width, 2)))[0].T * np.sqrt(width)
        for _ in range(num):
            x = np.asarray(act(jnp.asarray(x))) @ rng.normal(size=(width, width)) / np.sqrt(width)
        squares = (x**2).mean(1)
        found.append((x[0] @ x[1] / width / np.sqrt(np.prod(squares)), *squares))
    cosine, *squares = np.mean(found, 0)
    # Deviations of order sqrt(layers / width) = 0.13 a network, over three of them.
    np.testing.assert_allclose(squares, 1, atol=0.25)
    np.testing.assert_allclose(cosine, target, atol=0.03 if name == "tat" else 0.2)


@pytest.mark.parametrize("shape", [(6, 6), (6, 10), (3, 3, 2, 40)])
def test_scaled_orthogonal_kernels_with_more_outputs_keep_the_mean_square(shape):
    kernel = np.float64(scaled_orthogonal(jax.random.key(0), shape)).reshape(-1, shape[-1])
    x = np.random.default_rng(1).normal(size=(4, len(kernel)))
    np.testing.assert_allclose(((x @ kernel) ** 2).mean(1), (x**2).mean(1), rtol=1e-5)


def test_scaled_orthogonal_kernels_with_fewer_outputs_keep_it_on_the_average():
    x = np.random.default_rng(1).normal(size=12)
    kernels = [np.float64(scaled_orthogonal(jax.random.key(k), (12, 4))) for k in range(400)]
    np.testing.assert_allclose(kernels[0].T @ kernels[0], np.eye(4), atol=1e-6)
    found = [((x @ kernel) ** 2).mean() for kernel in kernels]
    # Of 400 draws with a relative deviation of sqrt(2 / 4): four standard errors.
    np.testing.assert_allclose(np.mean(found), (x**2).mean(), rtol=4 * np.sqrt(0.5 / 400))


@pytest.mark.parametrize(
    ("block", "num"), [("one_layer", 8), ("two_layer", 8), ("three_layer", 15), ("post", 7)]
)
def test_the_nonlinear_layers_of_a_network_are_counted(block, num, monkeypatch):
    asked = []
    monkeypatch.setitem(shaping.SHAPED, "tat", lambda n: asked.append(n) or jnp.tanh)
    options = {"activation": "tat", "initializer": "scaled_orthogonal", "skip": "none"}
    model = create("mlp", depth=7, width=3, block=block, **options)
    variables = init(model, np.ones((2, 4)), key=jax.random.key(0))
    assert set(asked) == {num}
    # As many as the network leaves the inputs of, and the head's.
    found = activations(model, variables, np.ones((2, 4)))
    assert sum("preactivation" in name for name in found) + (block != "post") == num
    assert block in BLOCKS


@pytest.mark.parametrize(
    "options",
    [
        {"skip": "identity", "initializer": "scaled_orthogonal"},
        {"skip": "none", "initializer": "orthogonal"},
        {"skip": "none", "initializer": "scaled_orthogonal", "norm": "layer"},
    ],
)
def test_an_activation_is_not_shaped_for_what_its_theory_does_not_cover(options):
    with pytest.raises(ValueError, match="`activation` 'tat' is solved for plain networks whose"):
        create("mlp", activation="tat", **options)


def test_conditions_without_a_solution_are_refused():
    with pytest.raises(ValueError, match="`activation` dks_tanh cannot be shaped for"):
        shaping.shaped_numbers("tanh", 0.05)

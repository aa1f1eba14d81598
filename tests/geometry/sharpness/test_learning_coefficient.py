"""Oracles: the learning coefficients of models whose posterior is known, and numerical quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from lsgeo import geometry
from tests import oracles

KEY = jax.random.key(0)
CURVATURES = np.array([3.0, 1.0, 0.3, 0.0])
MATRIX = jnp.asarray(oracles.prescribed(CURVATURES))


def bowl(w, batch):
    return 0.5 * jnp.vdot(w, MATRIX @ w) + 0.7


def estimate(loss, params, key=KEY, **options):
    chosen = {"scale": 200.0, "localization": 1.0, "num_burn_in": 60, "num_draws": 150} | options
    return geometry.learning_coefficient(loss, params, key=key, **chosen)


def test_a_quadratic_counts_half_of_every_direction_that_the_localization_leaves_free():
    stiffness = 200 * CURVATURES
    exact = 0.5 * np.sum(stiffness / (stiffness + 1))
    hits, values = 0, []
    for seed in range(5):
        found = estimate(bowl, jnp.zeros(4), jax.random.key(seed))
        values.append(found.value)
        hits += found.lower <= exact <= found.upper
        assert found.num_gradients == 4 * 211 and abs(found.loss - 0.7) < 1e-12
    # Five standard errors of the mean of five runs: once in 130 keys. Of five intervals of 95 %,
    # three or fewer cover with a probability of 2 %.
    assert abs(np.mean(values) - exact) < 5 * np.std(values, ddof=1) / np.sqrt(5) < 0.4
    assert hits >= 4
    # Far from half the number of parameters, or of those that the loss sees, at a strong pull.
    strong = estimate(bowl, jnp.zeros(4), localization=200.0)
    limits = 0.5 * np.sum(CURVATURES / (CURVATURES + 1))
    assert strong.lower <= limits <= strong.upper < 1.5


# loss, localization, and what it would be without one: 1 / (2a) for w^(2a) (Watanabe 2009).
SINGULAR = {
    "quartic": (lambda w, _: w[0] ** 4 + 0 * w[1], 1.0, 0.25),
    "crossing lines": (lambda w, _: (w[0] * w[1]) ** 2, 10.0, 0.5),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_models_have_the_mean_that_quadrature_gives(name):
    loss, pull, regular = SINGULAR[name]
    axis = np.linspace(-5, 5, 2001)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    values = 200.0 * np.asarray(loss((x, y), None))
    density = np.exp(-values - pull / 2 * (x**2 + y**2))

    def integral(f):
        return integrate.trapezoid(integrate.trapezoid(f, axis), axis)

    exact = integral(values * density) / integral(density)
    found = estimate(loss, jnp.zeros(2), localization=pull, num_burn_in=150, num_draws=500)
    assert found.lower <= exact <= found.upper and found.upper - found.lower < 0.3
    assert exact < regular < 2.5 * exact
    assert 0.3 < found.acceptance.mean() < 0.8


def test_a_rescaled_bowl_has_another_coefficient_at_the_same_localization():
    narrow = estimate(lambda w, _: 0.5 * jnp.sum(w**2), jnp.zeros(4), localization=200.0)
    wide = estimate(lambda w, _: 0.5 * jnp.sum((w / 3) ** 2), jnp.zeros(4), localization=200.0)
    assert narrow.lower <= 1.0 <= narrow.upper and wide.lower <= 0.2 <= wide.upper < narrow.lower
    assert narrow.invariant_under == ()


def test_the_scale_is_the_number_of_examples_over_its_logarithm():
    loss, params, batch, _ = oracles.linear_regression()
    found = geometry.learning_coefficient(
        loss, params, batch, key=KEY, num_chains=2, num_burn_in=1, num_draws=2
    )
    np.testing.assert_allclose(found.scale, 40 / np.log(40))
    # Three steps do not find a step size: a chain that never moved leaves nothing known.
    assert not found.acceptance.all() and (found.lower, found.upper) == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="without data, `scale`"):
        geometry.learning_coefficient(bowl, jnp.zeros(4), key=KEY)
    with pytest.raises(ValueError, match="`num_chains` must be an integer of at least 2; got 1"):
        estimate(bowl, jnp.zeros(4), num_chains=1)

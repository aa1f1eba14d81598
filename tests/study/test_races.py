"""Races whose number of steps and largest stable rate are known: gradient descent on quadratics."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.study import constant_loss, narrow_stable_rate, race
from lsgeo.training import Recipe

KEY = jax.random.key(0)
CURVATURES = np.array([0.5, 4.0])
START = np.array([1.0, 0.1])
DATA = {"curvature": CURVATURES[None, :]}


def bowl(w, batch):
    return 0.5 * jnp.sum(batch["curvature"][0] * w**2)


def run(rate, *, target=1e-3, optimizer="sgd", max_steps=200, loss=bowl, **options):
    recipe = Recipe(optimizer=optimizer, learning_rate=rate, max_steps=max_steps)
    return race(loss, jnp.asarray(START), DATA, recipe, target, key=KEY, **options)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.45])
def test_steps_of_gradient_descent_are_those_of_its_closed_form(rate):
    found = run(rate)
    powers = (1 - rate * CURVATURES)[None, :] ** (2 * np.arange(201)[:, None])
    losses = 0.5 * np.sum(CURVATURES * START**2 * powers, axis=1)
    assert found.steps == np.flatnonzero(losses <= 1e-3)[0] and found.stable
    np.testing.assert_allclose([found.first, found.last], losses[[0, int(found.steps)]])
    np.testing.assert_allclose(bowl(found.params, DATA), found.last)


def test_a_loss_that_is_not_reached_in_time_takes_infinitely_many_steps():
    found = run(0.001, max_steps=20)
    assert found.steps == math.inf and found.stable is True
    powers = (1 - 0.001 * CURVATURES)[None, :] ** (2 * np.array([[19], [20]]))
    np.testing.assert_allclose(found.last, np.mean(0.5 * np.sum(CURVATURES * START**2 * powers, 1)))
    assert "not reached, loss 0.27 to" in str(found)


@pytest.mark.parametrize(
    ("optimizer", "limit"), [("sgd", 2.0), ("momentum", 3.8), ("nesterov", 3.8 / 2.8)]
)
def test_the_narrow_stable_rate_of_a_quadratic_is_the_stability_limit(optimizer, limit):
    def is_stable(rate):
        return run(rate, optimizer=optimizer, target=1e-200).stable

    rates = [0.01, 0.2, 0.4, 2.0]
    found = narrow_stable_rate(
        is_stable, rates, [is_stable(rate) for rate in rates], num_bisections=7
    )
    # The bracket of 0.2 or 0.4 to 2 shrinks to 1 or 2 %; 200 steps resolve a growth of 1 % or so.
    assert found.stable * 0.98 < limit / 4 < found.unstable * 1.02
    assert found.unstable < 1.03 * found.stable and (found.num_tried, found.holes) == (7, 0)


def test_divergence_and_a_network_that_died_are_not_stable():
    assert not run(10.0).stable and math.isinf(run(10.0).highest) is False

    def dead(w, batch):
        # A step beyond 1 ends in a plateau just below the start.
        return jnp.where(jnp.sum(w**2) > 1.5, 0.2, bowl(w, batch))

    found = run(1.0, loss=dead, max_steps=30)
    assert found.stable and not run(1.0, loss=dead, max_steps=30, bound=0.2).stable
    assert found.last == pytest.approx(0.2)
    # Below 0.99 of the bound, not below the bound itself.
    assert not run(1.0, loss=dead, max_steps=30, bound=0.2 / 0.991).stable
    assert run(1.0, loss=dead, max_steps=30, bound=0.2 / 0.989).stable


def test_holes_and_edges_of_the_grid_are_told():
    def never(rate):
        raise AssertionError("nothing is to be tried at an edge")

    rates = [1.0, 2.0, 4.0]
    top = narrow_stable_rate(never, rates, [True, False, True])
    assert top.at_edge and top.holes == 1 and "extend the grid upwards" in str(top)
    bottom = narrow_stable_rate(never, rates, [False] * 3)
    assert bottom.at_edge and (bottom.stable, bottom.unstable) == (0, 1)
    assert "extend the grid downwards" in str(bottom)
    inside = narrow_stable_rate(lambda rate: rate < 3, rates, [True, True, False])
    assert not inside.at_edge and inside.stable <= 3 <= inside.unstable


def test_constant_loss_is_the_entropy_of_the_labels():
    assert constant_loss(np.arange(10).repeat(3)) == pytest.approx(math.log(10))
    shares = np.array([0.75, 0.25])
    logits = np.log(shares)
    assert constant_loss([0, 0, 0, 2]) == pytest.approx(-np.sum(shares * logits))
    assert constant_loss([1, 1]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run(0.1, target=0.0), "`target` must be positive and finite; got 0.0."),
        (lambda: run(0.1, target=0.3), "below the loss at initialisation, 0.27; got 0.3."),
        (
            lambda: narrow_stable_rate(None, [2.0, 1.0], [True, True]),
            "`rates` must be positive and ascending; got [2.0, 1.0].",
        ),
        (
            lambda: narrow_stable_rate(None, [1.0], [True, True]),
            "`rates` and `stable` must be as long; got (1,), (2,).",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()

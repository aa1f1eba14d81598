"""The largest stable learning rate: on a parabola it is 2 over the curvature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.study import measures
from lsgeo.study.measures.landscape import stable_rate

BATCH = {"image": jnp.zeros((2, 1))}


def measured(curvature):
    def loss(params, batch):
        return curvature / 2 * jnp.sum(params["w"] ** 2)

    params = {"w": jnp.ones(1, jnp.float32)}
    rest = 1, "init", jax.random.key(0), lambda k: None
    network = measures.Subject(models.MLP(), {}, params, loss, BATCH, BATCH, *rest)
    return stable_rate.STABLE_RATE.measure(network)


def test_on_a_parabola_it_is_found_within_the_last_bisection():
    found = measured(5.0)
    width = (1 / 0.3) ** (1 / 2**stable_rate.NUM_BISECTIONS)
    assert 0.4 / width <= found["stable_rate"] <= 0.4
    assert found["stable_rate_bound"] == found["stable_rate_holes"] == 0
    assert set(found) == set(stable_rate.STABLE_RATE.names)


@pytest.mark.parametrize(("curvature", "rate"), [(0.1, 10.0), (1000.0, 0.003)])
def test_beyond_the_grid_its_end_is_a_bound(curvature, rate):
    found = measured(curvature)
    # Above the grid the rate is at least its end, below it at most.
    assert (found["stable_rate"], found["stable_rate_bound"]) == (rate, 1 if curvature < 1 else -1)


def test_a_loss_that_is_not_finite_at_the_start_has_no_stable_rate():
    assert np.all(np.isnan(list(measured(np.inf).values())))

"""Counts of negative eigenvalues against prescribed spectra and the deep linear residual net."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(0)
SPECTRA = {
    "four distinct values": np.repeat([-0.7, 0.7, 2.2, 7.8], [40, 24, 6, 10]),
    "three outliers": np.r_[-3, -2, -1.5, np.linspace(0, 1, 77)],
    "mostly negative": np.r_[-np.linspace(0.2, 1, 70), np.linspace(0.2, 1, 10)],
}


def test_interval_of_the_index_covers_in_enough_of_200_keys_and_its_certain_part_always():
    ops = [lsgeo.dense(oracles.prescribed(values)) for values in SPECTRA.values()]
    truths = [int(np.sum(values < -0.1)) for values in SPECTRA.values()]
    hits = 0
    for seed in range(200):
        truth = truths[seed % 3]
        found = lsgeo.index_estimate(
            ops[seed % 3], key=jax.random.key(seed), tau=0.1, num_probes=4, num_steps=10
        )
        assert found.certain <= truth
        assert found.lower <= found.value <= found.upper
        hits += found.lower <= truth <= found.upper
    assert hits >= 184


def test_identity_point_of_the_residual_linear_net_has_index_forty_and_not_one():
    n, length = 4, 5
    loss = oracles.deep_linear(0.3 * np.eye(n), residual=True)
    op = lsgeo.hessian(loss, [jnp.zeros((n, n))] * length, jnp.eye(n))
    # Sixty products of the eighty rows: four distinct values are exhausted after four steps.
    found = lsgeo.index_estimate(op, key=KEY, tau=0.1, num_probes=6, num_steps=10)
    assert found.num_matvecs == 60
    assert 25 < found.lower <= 40 <= found.upper < 55
    exact = lsgeo.index_estimate(op, key=KEY)
    assert (exact.lower, exact.value, exact.upper, exact.certain) == (40, 40, 40, 40)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_isolated_negative_eigenvalues_are_certain_at_every_scale(scale):
    op = lsgeo.dense(scale * oracles.prescribed(SPECTRA["three outliers"]))
    found = lsgeo.index_estimate(op, key=KEY, tau=0.1 * scale, num_probes=4, num_steps=10)
    assert found.certain == 3 == found.lower
    np.testing.assert_allclose(found.threshold, 0.1 * scale)


def test_absence_of_negative_eigenvalues_is_proved_and_not_just_not_seen():
    op = lsgeo.dense(oracles.prescribed(np.linspace(0, 1, 300)))
    assert lsgeo.index_estimate(op, key=KEY, tau=0.2).upper == 0
    # One step sees nothing below, and proves nothing.
    unsure = lsgeo.index_estimate(op, key=KEY, tau=0.2, num_probes=2, num_steps=2)
    assert unsure.lower == 0 < unsure.upper


def test_interval_that_says_nothing_is_printed_in_the_place_of_its_middle():
    # Nearly all of the curvature lies near zero, on both sides: few steps cannot tell where.
    values = np.r_[np.linspace(-1e-4, 1e-4, 280), np.linspace(1, 50, 20)]
    op = lsgeo.dense(oracles.prescribed(values))
    found = lsgeo.index_estimate(op, key=KEY, num_probes=2, num_steps=6)
    assert found.upper - found.lower > 150 and found.undetermined
    assert f"index undetermined: [{found.lower}, {found.upper}]" in str(found)
    assert "about" not in str(found) and "cumulative(-x)" in str(found)
    density = lsgeo.spectral_density(op, key=KEY, num_probes=2, num_steps=6)
    share = density.negative_fraction()
    assert share.undetermined and str(share).startswith("undetermined: [")
    # What answers: how many lie clearly below zero, and how much they weigh.
    assert density.cumulative(-1.0)[2] < 0.2 and not density.negative_mass().undetermined
    sure = lsgeo.index_estimate(lsgeo.dense(oracles.prescribed(SPECTRA["three outliers"])), key=KEY)
    assert not sure.undetermined and "index about 3" in str(sure)


def test_eigenvalues_within_the_noise_do_not_count():
    values = np.r_[-1e-9, np.linspace(0.5, 1, 39)]
    matrix = jnp.asarray(oracles.prescribed(values), jnp.float32)
    assert lsgeo.index_estimate(lsgeo.dense(matrix), key=KEY).value == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1.0}, "`tau` must be a number of at least 0; got -1.0"),
        ({"confidence": 1}, "`confidence` must lie strictly between 0 and 1; got 1"),
        ({"num_probes": 0}, "`num_probes` must be an integer of at least 1; got 0"),
        ({"num_steps": 0.5}, "`num_steps` must be an integer of at least 1; got 0.5"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.index_estimate(lsgeo.dense(jnp.eye(3)), key=KEY, **arguments)

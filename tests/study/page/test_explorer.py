"""The explorer's data: nothing lost in pooling, and small."""

import json
import math

import numpy as np
import pytest

from lsgeo import SpectralDensity
from lsgeo.study import page as report
from tests.study.page import synthetic


def density(nodes, weights=None):
    nodes = np.atleast_2d(np.asarray(nodes, np.float64))
    weights = (
        np.full(nodes.shape, 1 / nodes.shape[1]) if weights is None else np.atleast_2d(weights)
    )
    return SpectralDensity(nodes, weights, 1000, 0.0, 10)


def mass(pooled, low=-math.inf, high=math.inf):
    edges = pooled.scale * np.sinh(np.linspace(pooled.low, pooled.high, len(pooled.values) + 1))
    middle = (edges[1:] + edges[:-1]) / 2
    inside = (middle > low) & (middle < high)
    return float(np.sum((pooled.values * np.diff(edges))[inside]))


def test_a_pooled_density_holds_all_mass_and_a_far_outlier_keeps_its_share():
    bulk = np.linspace(-0.5, 0.5, 19)
    pooled = report.pooled_density([density([*bulk, top]) for top in (730.0, 911.0, 622.0)])
    # The floor under empty bins adds at most a third of one eigenvalue.
    assert mass(pooled) == pytest.approx(1.0, abs=1 / 3000 + 1e-3)
    assert mass(pooled, low=500.0) == pytest.approx(1 / 20, rel=0.02)
    assert pooled.highest == (730.0, 911.0, 622.0) and pooled.lowest == (-0.5,) * 3


def test_pooling_is_blind_to_the_unit_of_the_eigenvalues():
    nodes = np.array([-1.0, 0.0, 0.3, 8.0])
    one, other = (report.pooled_density([density(unit * nodes)]) for unit in (1.0, 1e6))
    np.testing.assert_allclose(other.values * 1e6, one.values, rtol=1e-9)
    assert (other.low, other.high) == pytest.approx((one.low, one.high))


def test_a_spectrum_of_one_point_has_a_density():
    assert mass(report.pooled_density([density([0.0, 0.0])])) == pytest.approx(1.0, abs=0.01)


def test_a_median_curve_takes_the_middle_seed_and_holds_what_ended():
    steps = np.arange(101)
    curves = [
        (steps, 3.0 - steps / 100),
        (steps[:11], np.full(11, 0.5)),
        (steps, np.full(101, 9.0)),
    ]
    curve = report.median_curve(curves)
    assert curve.steps[0] == 0 and curve.steps[-1] == 100 and len(curve.steps) <= 64
    np.testing.assert_allclose(curve.losses, 3.0 - curve.steps / 100)


def test_a_curve_with_few_records_falls_evenly_between_them():
    curve = report.median_curve([([0, 60], [1.0, 2.0**-6])])
    np.testing.assert_allclose(curve.losses, 2.0 ** (-curve.steps / 10))


def test_a_majority_that_diverged_has_an_infinite_median_which_json_leaves_open():
    steps = [0, 1, 2]
    curve = report.median_curve(
        [(steps, [1.0, math.nan, math.nan])] * 2 + [(steps, [1.0, 1.0, 1.0])]
    )
    assert curve.losses[0] == 1.0 and np.isinf(curve.losses[1:]).all()
    network = report.Network("MLP", "", 2, "plain", 3, curve=curve)
    plain = report.Explorer([network], 0.5).plain()["networks"][0]
    assert plain["curve"] == {"steps": [0, 1, 2], "values": [0, None, None]}


def test_losses_and_densities_travel_as_hundredths_of_a_decade():
    network = synthetic.network("without skips", 4)
    plain = report.Explorer([network], 0.5).plain()["networks"][0]
    sent = 10 ** (np.array(plain["plane"]["values"]) / 100)
    np.testing.assert_allclose(sent, network.plane.values.reshape(-1), rtol=0.012)
    sent = 10 ** (np.array(plain["density"]["init"]["values"]) / 100)
    np.testing.assert_allclose(sent, network.densities["init"].values, rtol=0.012)


def test_two_hundred_networks_fit_into_the_page():
    networks = [synthetic.network("with skips", depth) for depth in range(2, 202)]
    assert len(json.dumps(report.Explorer(networks, 0.5).plain())) < 1.2e6


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ([], "`networks` must hold at least one"),
        ([report.Network("MLP", "", 2, "plain", 1)] * 2, "`networks` must differ in name"),
    ],
)
def test_bad_networks_are_refused_by_name(networks, message):
    with pytest.raises(ValueError, match=message):
        report.Explorer(networks, 0.5)

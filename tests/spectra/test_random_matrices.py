"""Limiting laws against moments, each other, published tables and drawn matrices."""

import numpy as np
import pytest

import lsgeo

LAWS = {
    "semicircle": lsgeo.semicircle(1.5, centre=0.7),
    "Marchenko-Pastur": lsgeo.marchenko_pastur(0.3, scale=2.0),
    "Marchenko-Pastur with an atom": lsgeo.marchenko_pastur(2.5),
    "square Marchenko-Pastur": lsgeo.marchenko_pastur(1.0),
    "Pennington-Bahri": lsgeo.pennington_bahri(0.5, 0.1),
    "Pennington-Bahri in two pieces": lsgeo.pennington_bahri(3.0, 0.001),
}


@pytest.mark.parametrize("name", LAWS)
def test_cumulative_is_the_integral_of_the_density_and_reaches_one(name):
    law = LAWS[name]
    low, high = law.edges
    # A grid in the angle, where densities that end in square roots are smooth.
    x = low + (high - low) * (1 - np.cos(np.linspace(0, np.pi, 20001))) / 2
    x = x[1:]
    steps = np.concatenate(
        [[0], np.cumsum(np.diff(x) * (law.density(x)[1:] + law.density(x)[:-1]))]
    )
    integral = law.cumulative(x[0]) + steps / 2
    np.testing.assert_allclose(law.cumulative(x), integral, atol=2e-3)
    assert law.cumulative(low - 1e-3) == 0 or getattr(law, "atom", 0) > 0
    np.testing.assert_allclose(law.cumulative(np.array([high, 2 * high])), 1, atol=1e-7)
    np.testing.assert_array_equal(law.density(np.array([low - 0.1, high + 0.1])), 0)


def test_marchenko_pastur_has_its_moments_and_its_atom():
    for ratio in (0.3, 2.5):
        law = lsgeo.marchenko_pastur(ratio, scale=3.0)
        # Mean = integral of the survival function.
        x = np.linspace(0, law.edges[1], 200001)
        survival = 1 - law.cumulative(x)
        assert abs(np.trapezoid(survival, x) - 3) < 1e-3
        assert abs(2 * np.trapezoid(x * survival, x) - 9 * (1 + ratio)) < 1e-2
    assert law.cumulative(0.0) == law.atom == 0.6
    assert law.cumulative(-1e-9) == 0


@pytest.mark.parametrize(
    ("ratio", "energy"),
    [(0.1, 0.083435), (0.25, 0.043510), (0.5, 0.011271), (0.75, 0.0012662), (0.9, 7.666e-5)],
)
def test_critical_energy_is_where_the_lower_edge_of_the_free_sum_crosses_zero(ratio, energy):
    critical = lsgeo.critical_energy(ratio)
    np.testing.assert_allclose(critical, energy, rtol=1e-4)
    assert abs(lsgeo.pennington_bahri(ratio, critical).edges[0]) < 1e-9
    assert lsgeo.pennington_bahri(ratio, 0.95 * critical).index == 0
    assert lsgeo.pennington_bahri(ratio, 1.05 * critical).index > 0


def test_index_grows_as_the_power_three_halves_of_the_excess_energy():
    critical = lsgeo.critical_energy(0.5)

    def slope(*excess):
        index = [lsgeo.pennington_bahri(0.5, critical * (1 + e)).index for e in excess]
        return np.diff(np.log(index))[0] / np.diff(np.log(excess))[0]

    assert abs(slope(1e-3, 2e-3) - 1.5) < 0.01
    assert 1.2 < slope(0.1, 0.8) < 1.5


def test_free_sum_tends_to_marchenko_and_pastur_and_to_the_semicircle():
    x = np.linspace(0.1, 2.9, 15)
    near = lsgeo.pennington_bahri(0.5, 1e-6).cumulative(x)
    np.testing.assert_allclose(near, lsgeo.marchenko_pastur(0.5).cumulative(x), atol=1e-4)
    wide, x = lsgeo.pennington_bahri(1e-6, 2.0), np.linspace(-2, 4, 15)
    np.testing.assert_allclose(
        wide.cumulative(x), lsgeo.semicircle(4.0, centre=1.0).cumulative(x), atol=1e-4
    )


def test_drawn_wishart_plus_wigner_follows_the_law():
    n, ratio, epsilon = 400, 0.5, 0.1
    rng = np.random.default_rng(0)
    data, noise = rng.standard_normal((int(n / ratio), n)), rng.standard_normal((n, n))
    matrix = data.T @ data / len(data) + np.sqrt(2 * epsilon) * (noise + noise.T) / np.sqrt(2 * n)
    values, law = np.linalg.eigvalsh(matrix), lsgeo.pennington_bahri(ratio, epsilon)
    # Eigenvalues repel: their distribution departs from its limit by O(1 / n), not O(1 / sqrt(n)).
    empirical = (np.arange(n) + 0.5) / n
    assert np.max(np.abs(law.cumulative(values) - empirical)) < 5 / n
    np.testing.assert_allclose([values[0], values[-1]], law.edges, atol=0.08)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lsgeo.semicircle(0.0), "`radius` must be positive and finite; got 0.0"),
        (lambda: lsgeo.marchenko_pastur(-1.0), "`ratio` must be positive"),
        (lambda: lsgeo.marchenko_pastur(1.0, scale=np.nan), "`scale` must be positive"),
        (lambda: lsgeo.pennington_bahri(1.0, 0.0), "`epsilon` must be positive"),
        (lambda: lsgeo.critical_energy(1.0), "`ratio` must lie strictly between 0 and 1; got 1.0"),
    ],
)
def test_bad_parameters_of_a_law_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""The index law against sampled matrices and what is published of it (oracle O15)."""

import numpy as np
import pytest

from lsgeo import critical_energy
from lsgeo.geometry import fit_index_law, index_law


def sampled(ratio, epsilon, n=500):
    rng = np.random.default_rng(0)
    j = rng.standard_normal((n, round(n / ratio)))
    wigner = rng.standard_normal((n, n))
    wigner = (wigner + wigner.T) * np.sqrt(epsilon / n)
    return np.linalg.eigvalsh(j @ j.T / j.shape[1] + wigner)


@pytest.mark.parametrize(("ratio", "epsilon"), [(0.5, 0.1), (0.25, 0.5), (2.0, 0.05)])
def test_share_is_that_of_sampled_wishart_plus_wigner_matrices(ratio, epsilon):
    values = sampled(ratio, epsilon)
    # Eigenvalues are rigid: a count is off by far less than sqrt(n) in n.
    np.testing.assert_allclose(index_law(ratio)(epsilon), np.mean(values < 0), atol=0.012)
    cut = -0.02 * np.abs(values).max()
    law = index_law(ratio, threshold=0.02)
    np.testing.assert_allclose(law(epsilon), np.mean(values < cut), atol=0.012)


def test_share_is_zero_to_the_critical_energy_and_grows_as_the_power_three_halves():
    for ratio in (0.1, 0.5, 0.9):
        critical = critical_energy(ratio)
        law = index_law(ratio, unit=3.0)
        np.testing.assert_allclose(law([0.0, 0.9 * 3 * critical]), 0, atol=1e-12)
        excess = np.array([0.1, 0.8])
        near, far = np.log(law(3 * critical * (1 + excess)))
        assert 1.2 < (far - near) / np.log(8) < 1.5
        tiny = np.log(law(3 * critical * (1 + excess / 1e3)))
        np.testing.assert_allclose((tiny[1] - tiny[0]) / np.log(8), 1.5, atol=0.02)


def test_fit_recovers_the_unit_that_points_were_made_with():
    losses = np.array([0.01, 0.03, 0.1, 0.3])
    truth = index_law(0.3, unit=0.2, threshold=1e-3)
    found = fit_index_law(losses, truth(losses), ratio=0.3, threshold=1e-3)
    np.testing.assert_allclose(found.unit, 0.2, rtol=1e-3)
    assert found.misfit < 1e-4


def test_bad_points_are_refused_by_name():
    with pytest.raises(ValueError, match="`losses` and `fractions` must be lists of one length"):
        fit_index_law([1.0, 2.0], [0.0, 0.0], ratio=0.5)
    with pytest.raises(ValueError, match="`losses` must be positive"):
        fit_index_law([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], ratio=0.5)
    with pytest.raises(ValueError, match="`fractions` are all 0, which fits every unit"):
        fit_index_law([0.1, 0.2, 0.3], [0.0, 0.0, 0.0], ratio=0.5)
    with pytest.raises(ValueError, match="`threshold` must be at least 0 and below 1; got 1"):
        index_law(0.5, threshold=1)

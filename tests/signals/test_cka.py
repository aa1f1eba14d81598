"""CKA against matrices written out, its own invariances, and populations whose alignment is known."""

import numpy as np
import pytest

from lsgeo.geometry import linear_cka


def written_out(x, y):
    # Song et al. 2012, eq. 5, with N x N matrices.
    def hsic(x, y):
        n = len(x)
        k, m = (a @ a.T * (1 - np.eye(n)) for a in (x, y))
        sums = k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ m).sum()
        return (np.trace(k @ m) + sums) / (n * (n - 3))

    return hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))


def draw(rng, n, p, q):
    x = rng.normal(size=(n, p)) + 1
    return x, x @ rng.normal(size=(p, q)) + 3 * rng.normal(size=(n, q)) + 2


@pytest.mark.parametrize(("p", "q"), [(3, 4), (30, 4), (3, 40), (30, 40)])
def test_estimate_and_jackknife_are_those_of_the_matrices_written_out(p, q):
    n = 12
    x, y = draw(np.random.default_rng(p + q), n, p, q)
    found = linear_cka([x], [y])
    np.testing.assert_allclose(found.values[0, 0], written_out(x, y), rtol=1e-10)
    without = [written_out(np.delete(x, i, 0), np.delete(y, i, 0)) for i in range(n)]
    np.testing.assert_allclose(
        found.standard_errors[0, 0], np.sqrt(n - 1) * np.std(without), rtol=1e-10
    )
    x, y = x - x.mean(0), y - y.mean(0)
    sides = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    np.testing.assert_allclose(found.biased[0, 0], np.linalg.norm(x.T @ y) ** 2 / sides)


def test_rotations_shifts_and_one_scale_leave_it_and_a_general_linear_map_does_not():
    rng = np.random.default_rng(0)
    x, y = draw(rng, 40, 5, 6)
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    value = linear_cka([x], [y]).values[0, 0]
    moved = linear_cka([-7 * x @ rotation + 3], [y]).values[0, 0]
    np.testing.assert_allclose(moved, value, rtol=1e-10)
    np.testing.assert_allclose(linear_cka([x], [x @ rotation]).values, 1.0, rtol=1e-10)
    stretched = x * np.array([10.0, 1.0, 1.0, 1.0, 1.0])
    assert abs(linear_cka([stretched], [y]).values[0, 0] - value) > 0.05
    assert linear_cka([stretched], [x]).values[0, 0] < 0.9


def test_independent_features_have_mean_zero_where_the_biased_estimate_has_not():
    rng = np.random.default_rng(0)
    draws = [
        linear_cka([rng.normal(size=(30, 20))], [rng.normal(size=(30, 20))]) for _ in range(300)
    ]
    values = np.array([draw.values[0, 0] for draw in draws])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    # In the biased one, p = q = 20 of 30 examples give E ||X'Y||^2 / (||X'X|| ||Y'Y||) = 20 / (20 + 30).
    assert np.mean([draw.biased[0, 0] for draw in draws]) == pytest.approx(0.4, abs=0.02)


def test_intervals_hold_the_alignment_of_the_population():
    rng = np.random.default_rng(1)
    x_scale, mixing = np.diag([2.0, 1.0, 1.0, 0.5]), rng.normal(size=(4, 4)) / 2
    cov = x_scale @ x_scale
    sides = np.linalg.norm(cov) * np.linalg.norm(mixing.T @ cov @ mixing + np.eye(4))
    truth = np.linalg.norm(cov @ mixing) ** 2 / sides
    covered = []
    for _ in range(300):
        x = rng.normal(size=(100, 4)) @ x_scale
        found = linear_cka([x], [x @ mixing + rng.normal(size=(100, 4))])
        covered.append(abs(found.values[0, 0] - truth) < 1.96 * found.standard_errors[0, 0])
    assert 0.90 < np.mean(covered) < 0.99  # 0.95 +- 3.5 standard errors


def test_layers_of_a_network_give_a_symmetric_map_and_a_constant_one_nan():
    rng = np.random.default_rng(2)
    layers = [rng.normal(size=(10, 2, 3)), rng.normal(size=(10, 20)), np.ones((10, 4))]
    found = linear_cka(layers)
    np.testing.assert_array_equal(found.values, found.values.T)
    np.testing.assert_array_equal(found.values[:2], linear_cka(layers[:2], layers).values)
    assert np.isnan(found.values[2]).all() and np.isfinite(found.values[:2, :2]).all()
    assert "3 x 3 layers on 10 examples" in str(found)


@pytest.mark.parametrize("width", [3, 30])
def test_a_layer_that_is_constant_at_a_number_that_rounds_has_no_alignment(width):
    found = linear_cka([np.full((7, width), 0.1), np.random.default_rng(0).normal(size=(7, 3))])
    assert np.isnan(found.values[0]).all() and np.isnan(found.biased[0]).all()
    assert found.values[1, 1] == pytest.approx(1)


def test_bad_layers_are_refused_by_name():
    with pytest.raises(ValueError, match="`first` must hold layers seen on the same examples"):
        linear_cka([np.ones((6, 2)), np.ones((7, 2))])
    with pytest.raises(ValueError, match="`first` must hold layers .* at least 5"):
        linear_cka([np.ones((4, 2))])
    with pytest.raises(ValueError, match="`second` has 7 examples, but `first` has 6"):
        linear_cka([np.ones((6, 2))], [np.ones((7, 2))])

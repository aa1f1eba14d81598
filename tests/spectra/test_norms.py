"""Frobenius norm, log-determinant and diagonal against dense matrices and their own error bars."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.densities._radau import radau
from tests import oracles

KEY = jax.random.key(0)
OUTLIERS = np.r_[30, 20, 10, -8, 5, 0.3 * np.random.default_rng(5).standard_normal(115)]


def _hits(estimate, truth, count=200):
    found = [estimate(jax.random.key(seed)) for seed in range(count)]
    return sum(f.interval()[0] <= truth <= f.interval()[1] for f in found)


def test_interval_of_the_frobenius_norm_covers_in_enough_of_200_keys():
    op = lsgeo.dense(oracles.prescribed(OUTLIERS))
    truth = np.linalg.norm(OUTLIERS)
    hits = _hits(lambda key: lsgeo.frobenius_norm(op, key=key, num_matvecs=24), truth)
    assert 184 <= hits <= 198
    found = lsgeo.frobenius_norm(op, key=KEY, num_matvecs=24)
    # Without deflation the relative error would be sqrt(sum of lambda^4 / 2 / 24) / ||H||_F^2 = 0.1.
    assert found.standard_error < 1e-3 * truth
    assert found.num_matvecs == 24


@pytest.mark.parametrize("scale", [0.0, 1e-25, 1e25])
def test_frobenius_norm_keeps_its_scale_in_float32(scale):
    matrix = oracles.prescribed(OUTLIERS)
    op = lsgeo.dense(jnp.asarray(scale * matrix, jnp.float32))
    found = lsgeo.frobenius_norm(op, key=KEY, num_matvecs=24)
    np.testing.assert_allclose(found.value, scale * np.linalg.norm(matrix), rtol=1e-3)
    exact = lsgeo.frobenius_norm(op, key=KEY, num_matvecs=120)
    np.testing.assert_allclose(exact.value, scale * np.linalg.norm(matrix), rtol=1e-6)
    assert exact.standard_error == 0


def test_log_determinant_interval_covers_also_where_the_quadrature_has_not_converged():
    values = np.r_[np.zeros(60), 1 / np.arange(1, 61)]
    op = lsgeo.dense(oracles.prescribed(values))
    truth = np.log(values + 0.01).sum()
    gaps = []

    def estimate(key):
        found = lsgeo.log_determinant(op, key=key, shift=0.01, num_probes=8, num_steps=5)
        gaps.append(found.bias)
        return found

    assert _hits(estimate, truth, 100) >= 92
    assert min(gaps) > 1e-3 * abs(truth)
    fine = lsgeo.log_determinant(op, key=KEY, shift=0.01, num_probes=8, num_steps=30)
    assert fine.bias < 1e-6 * abs(truth)
    assert fine.num_matvecs == 240


def test_log_determinant_of_one_probe_lies_between_the_rules_of_gauss_and_radau():
    from lsgeo.spectra.krylov import lanczos

    values = np.linspace(0.1, 3, 120)
    matrix = oracles.prescribed(values)
    found = lsgeo.log_determinant(
        lsgeo.dense(matrix), key=KEY, shift=0.2, num_probes=1, num_steps=5, lowest=0.1
    )
    start_key = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    v = np.asarray(lanczos.random_unit(start_key, 120, jnp.float64))
    lam, vectors = np.linalg.eigh(matrix)
    exact = 120 * (vectors.T @ v) ** 2 @ np.log(lam + 0.2)
    assert found.value - found.bias <= exact <= found.value + found.bias
    assert np.isnan(found.standard_error)


@pytest.mark.parametrize(
    ("function", "lowest"),
    [(np.exp, None), (np.abs, None), (lambda x: 1 / (x + 9), -8.5), (lambda x: np.exp(-x), -8.0)],
)
def test_interval_of_a_spectral_sum_covers_that_over_the_dense_eigenvalues(function, lowest):
    matrix = oracles.prescribed(OUTLIERS / 4 if function is np.exp else OUTLIERS)
    op, truth = lsgeo.dense(matrix), function(np.linalg.eigvalsh(matrix)).sum()

    def estimate(key):
        return lsgeo.spectral_sum(op, function, key=key, num_probes=12, num_steps=8, lowest=lowest)

    # Of nominal 95 % intervals at least 92 of 100, less three standard errors.
    assert _hits(estimate, truth, 100) >= 84
    assert estimate(KEY).num_matvecs == 96


@pytest.mark.parametrize("lowest", [None, 0.5])
def test_bias_of_a_spectral_sum_covers_what_few_steps_leave_open_and_ends_with_them(lowest):
    """All eigenvalues occur once: one probe's own sum is known, and 120 steps give it."""
    op = lsgeo.dense(oracles.prescribed(np.linspace(0.5, 30, 120)))
    function = lambda x: 1 / x  # noqa: E731
    few, exact = (
        lsgeo.spectral_sum(op, function, key=KEY, num_probes=1, num_steps=steps, lowest=lowest)
        for steps in (6, 120)
    )
    assert 1e-3 < abs(few.value - exact.value) <= few.bias
    assert exact.bias < 1e-9 * exact.value and np.isnan(exact.standard_error)


def test_one_step_alone_leaves_everything_open_and_a_pole_at_the_end_too():
    op = lsgeo.dense(oracles.prescribed(np.linspace(0.5, 30, 120)))
    for function, options in (
        (np.exp, {"num_steps": 1}),
        (lambda x: 1 / (x - 0.25), {"lowest": 0.25, "num_steps": 6}),
    ):
        assert lsgeo.spectral_sum(op, function, key=KEY, **options).bias == np.inf


def test_radau_rule_has_the_node_and_is_exact_to_twice_the_steps():
    rng = np.random.default_rng(0)
    nodes, weights = np.sort(rng.standard_normal(30)), rng.dirichlet(np.ones(30))
    q, _ = np.linalg.qr(np.vander(nodes, 6, increasing=True) * np.sqrt(weights)[:, None])
    t = q.T @ (nodes[:, None] * q)  # the Jacobi matrix of the measure, 6 x 6
    found, masses = radau(np.diag(t)[:5], np.abs(np.diag(t, 1)[:5]), 0.3)
    assert np.abs(found - 0.3).min() < 1e-12
    for k in range(11):
        np.testing.assert_allclose(masses @ found**k, weights @ nodes**k, rtol=1e-10, atol=1e-12)
    assert abs(masses @ found**11 - weights @ nodes**11) > 1e-6


def test_log_determinant_refuses_an_operator_that_is_not_positive():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 3, 120)))
    with pytest.raises(ValueError, match="has a Ritz value -0.*Raise `shift`"):
        lsgeo.log_determinant(op, key=KEY, shift=0.1)
    with pytest.raises(ValueError, match="`lowest` .* `shift` must be a number of at least 0; got"):
        lsgeo.log_determinant(op, key=KEY, shift=-0.1)
    assert lsgeo.log_determinant(op, key=KEY, shift=2.0, lowest=-1.0, num_probes=2).value > 0


def test_log_determinant_of_a_singular_operator_is_refused_by_what_it_is():
    zero = lsgeo.dense(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"`op` \+ `shift` has a Ritz value 0.*Raise `shift`"):
        lsgeo.log_determinant(zero, key=KEY, shift=0.0)


def test_diagonal_of_a_diagonal_operator_is_exact_from_one_pair_of_probes():
    values = jnp.linspace(-1, 2, 120)
    found = lsgeo.diagonal(lsgeo.dense(jnp.diag(values)), key=KEY, num_matvecs=2)
    np.testing.assert_allclose(found.value, values, rtol=1e-14)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-14)


@pytest.mark.parametrize("num_deflated", [0, 10])
def test_standard_errors_of_the_diagonal_are_those_of_its_entries(num_deflated):
    matrix = oracles.prescribed(OUTLIERS)
    found = lsgeo.diagonal(
        lsgeo.dense(matrix), key=KEY, num_matvecs=50 + num_deflated, num_deflated=num_deflated
    )
    z = (np.asarray(found.value) - np.diag(matrix)) / np.asarray(found.standard_error)
    # 120 nearly independent ratios of Student's kind: their mean square is 1 within 4 * sqrt(2 / 120).
    assert 0.5 < np.mean(z**2) < 1.6
    theory = np.sqrt((np.sum(matrix**2, axis=1) - np.diag(matrix) ** 2) / 50)
    ratio = np.median(np.asarray(found.standard_error) / theory)
    assert ratio < 0.2 if num_deflated else 0.9 < ratio < 1.1


def test_diagonal_comes_as_a_pytree_like_the_parameters():
    loss, params, batch, matrix = oracles.linear_regression()
    found = lsgeo.diagonal(lsgeo.hessian(loss, params, batch), key=KEY, num_matvecs=400)
    error = np.asarray(found.value["w"]).reshape(-1) - np.diag(matrix)
    assert np.all(np.abs(error) < 5 * np.asarray(found.standard_error["w"]).reshape(-1) + 1e-12)
    assert "18 entries" in str(found)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (
            lsgeo.frobenius_norm,
            {"num_matvecs": 1},
            "`num_matvecs` must be an integer of at least 4",
        ),
        (
            lsgeo.diagonal,
            {"num_matvecs": 0},
            "`num_matvecs` must be an integer of at least 1; got 0",
        ),
        (lsgeo.diagonal, {"num_matvecs": 5, "num_deflated": 5}, "`num_deflated` must be less than"),
        (
            lsgeo.spectral_sum,
            {"function": lambda x: np.full_like(x, np.nan)},
            "`function` must give one finite number for each eigenvalue; got .nan. at .1",
        ),
        (lsgeo.spectral_sum, {"function": np.sum}, "`function` must give one finite number"),
        (lsgeo.log_determinant, {"shift": float("nan")}, "`lowest` .* got 0.0 .* nan"),
        (lsgeo.log_determinant, {"shift": 1.0, "num_probes": 0}, "`num_probes` must be an integer"),
    ],
)
def test_bad_arguments_are_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(lsgeo.dense(jnp.eye(30)), key=KEY, **arguments)

"""The torture set: matrices on which published tools invent, repeat or lose eigenvalues."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles, torture

KEY = jax.random.key(1)
EXTREMES, DENSITY = torture.lsgeo_solvers()
CASES = {case.name: case for case in torture.CASES}
both_dtypes = pytest.mark.parametrize("dtype", torture.DTYPES, ids=lambda dtype: dtype.__name__)
all_cases = pytest.mark.parametrize("name", CASES)


@both_dtypes
@all_cases
def test_both_ends_are_found_as_often_as_they_occur_at_every_scale(name, dtype):
    for scale in torture.SCALES:
        report = torture.check_extremes(CASES[name], EXTREMES, scale=scale, dtype=dtype)
        assert report.passed, report


@both_dtypes
@all_cases
def test_density_has_no_ghost_and_no_invented_node_at_every_scale(name, dtype):
    for scale in torture.SCALES:
        report = torture.check_density(CASES[name], DENSITY, scale=scale, dtype=dtype)
        assert report.passed, report


def _dense_solver(matrix, *, bottom, top, tol):
    values, vectors = np.linalg.eigh(matrix)
    n = len(values)
    chosen = np.arange(n) if bottom + top >= n else np.r_[:bottom, n - top : n]
    values, vectors = values[chosen], vectors.T[chosen]
    wide = matrix.astype(np.float64)
    residuals = np.linalg.norm(vectors @ wide - values[:, None] * vectors, axis=1)
    return values, vectors, residuals


def _plain_lanczos(matrix, *, num_steps, num_probes, epsilon=0.0):
    v = np.random.default_rng(0).standard_normal(len(matrix)).astype(matrix.dtype)
    v, last, beta = v / np.linalg.norm(v), np.zeros_like(v), matrix.dtype.type(0)
    alphas, betas = [], []
    for _ in range(num_steps):
        w = matrix @ v - beta * last
        alphas.append(w @ v)
        w = w - alphas[-1] * v
        beta = np.linalg.norm(w)
        betas.append(beta)
        last, v = v, w / (beta + matrix.dtype.type(epsilon))
    t = np.diag(np.float64(alphas)) + np.diag(np.float64(betas[:-1]), 1)
    values, vectors = np.linalg.eigh(t, UPLO="U")
    return values[None], vectors[:1] ** 2


@both_dtypes
@all_cases
def test_torture_set_passes_a_dense_eigensolver(name, dtype):
    for scale in torture.SCALES:
        report = torture.check_extremes(CASES[name], _dense_solver, scale=scale, dtype=dtype)
        assert report.passed, report


def _spoil(change):
    def solver(matrix, **options):
        return change(*_dense_solver(matrix, **options))

    return solver


@pytest.mark.parametrize(
    ("name", "kind", "change"),
    [
        (
            "triple top eigenvalue",
            "missed",
            lambda v, x, r: (np.r_[v[:5], 1 - 4 / 96, v[5:9]], x, r),
        ),
        ("ten spikes over a bulk", "ghost", lambda v, x, r: (np.r_[v[:-2], 50, 50], None, None)),
        ("rank three", "invented", lambda v, x, r: (np.r_[v[:-1], 2.7], None, None)),
        ("negative definite", "count", lambda v, x, r: (v[1:], None, None)),
        ("identity", "NaN", lambda v, x, r: (v * np.nan, x, r)),
        ("plus and minus one", "vectors", lambda v, x, r: (v, x[[0, *range(9)]], r)),
        ("rank three", "residual", lambda v, x, r: (v, x, r + 1e-2)),
        ("negative definite", "residual", lambda v, x, r: (v, x[::-1], r)),
    ],
)
def test_torture_set_names_the_kind_of_each_planted_error(name, kind, change):
    report = torture.check_extremes(CASES[name], _spoil(change))
    assert report.failures[0].startswith(kind), report


@pytest.mark.parametrize(
    ("name", "epsilon", "kind"),
    [("ten spikes over a bulk", 0.0, "ghost"), ("rank three", 1e-6, "invented")],
)
def test_torture_set_catches_a_lanczos_process_without_reorthogonalisation(name, epsilon, kind):
    def solver(matrix, **options):
        return _plain_lanczos(matrix, epsilon=epsilon, **options)

    report = torture.check_density(CASES[name], solver, dtype=np.float32)
    assert report.failures[0].startswith(kind), report


def test_a_tool_that_raises_fails_with_what_it_says():
    def solver(matrix, **options):
        raise RuntimeError("out of memory")

    report = torture.check_density(CASES["identity"], solver)
    assert report.failures == ("RuntimeError: out of memory",)


@both_dtypes
def test_density_of_the_identity_ends_after_one_step(dtype):
    op = lsgeo.dense(jnp.eye(100, dtype=dtype))
    density = lsgeo.spectral_density(op, key=KEY, num_probes=2, num_steps=9)
    np.testing.assert_array_equal(density.weights, np.eye(1, 9).repeat(2, axis=0))


def test_scalar_chain_whose_only_negative_eigenvalue_is_the_largest_in_magnitude():
    loss, params, batch, simple, repeated = oracles.scalar_chain(4, 0.7, 1.3)
    pairs = lsgeo.extreme_eigenpairs(lsgeo.hessian(loss, params, batch), key=KEY, top=1, bottom=1)
    np.testing.assert_allclose(pairs.values, [-1.087457, 0.519351], atol=1e-6)
    np.testing.assert_allclose(pairs.values, [simple, repeated], atol=1e-12)


def test_asking_for_more_than_there_is_returns_the_whole_spectrum():
    values = np.array([-3.0, 1.0, 1.0, 4.0])
    op = lsgeo.dense(oracles.prescribed(values))
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=3)
    np.testing.assert_allclose(pairs.values, values, atol=1e-12)


def test_search_that_is_cut_short_says_that_it_has_not_converged():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 1, 300)))
    pairs = lsgeo.extreme_eigenpairs(op, key=KEY, top=3, bottom=3, tol=1e-8, max_matvecs=64)
    assert not pairs.converged.any()
    assert np.all(pairs.residuals > 1e-8)


def test_x64_flag_is_as_it_was_after_every_call():
    with jax.enable_x64(False):
        op = lsgeo.dense(jnp.eye(3, dtype=jnp.float32))
        lsgeo.extreme_eigenpairs(op, key=KEY)
        lsgeo.spectral_density(op, key=KEY)
        assert not jax.config.jax_enable_x64

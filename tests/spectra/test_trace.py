"""Trace estimators against exact traces, known variances and their own error bars."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.spectra.traces._deflation import DeflatedProbes, Krylov
from tests import oracles

METHODS = ("krylov", "hutch++", "hutchinson", "xtrace")
VALUES = np.r_[np.linspace(-1, 1, 110), np.linspace(2, 20, 10)]
BULK = np.random.default_rng(5).standard_normal(115)
SPECTRA = {
    "decaying": 1 / np.arange(1, 121),
    "indefinite": VALUES,
    "low rank and bulk": np.r_[30, 20, 10, 8, 5, 0.3 * BULK],
}


def _covers(found, truth):
    low, high = found.interval(0.95)
    return low <= truth <= high


@pytest.mark.parametrize(
    ("method", "products"), [("krylov", 24), ("hutch++", 24), ("hutchinson", 48), ("xtrace", 24)]
)
def test_ninety_five_percent_intervals_cover_the_trace_in_enough_of_200_keys(method, products):
    ops = [lsgeo.dense(oracles.prescribed(values)) for values in SPECTRA.values()]
    truths = [values.sum() for values in SPECTRA.values()]
    hits = 0
    for seed in range(200):
        found = lsgeo.trace(
            ops[seed % 3], key=jax.random.key(seed), num_matvecs=products, method=method
        )
        hits += _covers(found, truths[seed % 3])
    assert 184 <= hits <= 198  # 92 to 99 %


def test_interval_of_a_trace_stopped_at_a_tolerance_covers_and_the_error_is_what_was_asked():
    ops = [lsgeo.dense(oracles.prescribed(values)) for values in SPECTRA.values()]
    truths = [values.sum() for values in SPECTRA.values()]
    hits, errors, products = 0, [], []
    for seed in range(200):
        found = lsgeo.trace(ops[seed % 3], key=jax.random.key(seed), rel_tol=0.03)
        hits += _covers(found, truths[seed % 3])
        errors.append(found.value / truths[seed % 3] - 1)
        products.append(found.num_matvecs)
        assert found.standard_error <= 0.03 * abs(found.value)
    assert 184 <= hits <= 198
    assert np.sqrt(np.mean(np.square(errors))) < 0.03
    assert 24 <= min(products) and max(products) <= 120


def test_krylov_trace_needs_less_than_half_the_products_of_hutchinson_for_the_same_tolerance():
    op = lsgeo.dense(oracles.prescribed(SPECTRA["low rank and bulk"]))
    mine, theirs = (
        lsgeo.trace(op, key=jax.random.key(0), rel_tol=0.05, method=m).num_matvecs
        for m in ("krylov", "hutchinson")
    )
    assert 2 * mine < theirs


def test_tolerance_out_of_reach_ends_with_all_products_and_the_exact_trace():
    # Trace zero has no relative accuracy.
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 1, 120)))
    found = lsgeo.trace(op, key=jax.random.key(0), rel_tol=1e-6)
    assert found.num_matvecs <= 120
    assert _covers(found, 0.0)


def test_hutchinson_variance_is_that_of_rademacher_probes():
    matrix = oracles.prescribed(VALUES)
    samples = [
        lsgeo.trace(lsgeo.dense(matrix), key=jax.random.key(s), num_matvecs=48, method="hutchinson")
        for s in range(60)
    ]
    theory = 2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2)) / 48
    # 60 values: the sample variance has a relative standard deviation of sqrt(2/59) = 0.18.
    assert 0.4 < np.var([s.value for s in samples], ddof=1) / theory < 1.75


def test_hutchinson_on_a_diagonal_matrix_has_no_variance():
    op = lsgeo.dense(jnp.diag(jnp.asarray(VALUES)))
    found = lsgeo.trace(op, key=jax.random.key(0), num_matvecs=8, method="hutchinson")
    np.testing.assert_allclose(found.value, VALUES.sum(), rtol=1e-12)
    assert found.standard_error < 1e-12 * VALUES.sum()


def test_xtrace_samples_without_one_probe_are_those_of_the_definition():
    from lsgeo.spectra.krylov import probes

    matrix, m = oracles.prescribed(VALUES), 12
    key = jax.random.key(1)
    found = lsgeo.trace(lsgeo.dense(matrix), key=key, num_matvecs=2 * m, method="xtrace")
    signs = np.asarray(probes.rademacher(key, 0, m, 120, np.dtype("float64"))).T

    def sample(i, without):
        q, _ = np.linalg.qr(matrix @ np.delete(signs, without, axis=1))
        rest = signs[:, i] - q @ (q.T @ signs[:, i])
        return np.trace(q.T @ matrix @ q) + rest @ matrix @ rest

    one = np.array([sample(i, [i]) for i in range(m)])
    moved = np.array([[one[i] - sample(i, [i, j]) for j in range(m)] for i in range(m)])
    covariance = max(0, np.sum(moved * moved.T) / (m * (m - 1)))
    np.testing.assert_allclose(found.value, one.mean(), rtol=1e-10)
    np.testing.assert_allclose(
        found.standard_error, np.sqrt(one.var(ddof=1) / m + covariance), rtol=1e-8
    )


@pytest.mark.parametrize("method", METHODS)
def test_trace_is_exact_with_as_many_products_as_rows(method):
    found = lsgeo.trace(
        lsgeo.dense(oracles.prescribed(VALUES)),
        key=jax.random.key(0),
        num_matvecs=120,
        method=method,
    )
    np.testing.assert_allclose(found.value, VALUES.sum(), rtol=1e-12)
    assert (found.standard_error, found.num_matvecs) == (0, 120)


@pytest.mark.parametrize("method", ["krylov", "hutch++", "xtrace"])
def test_low_rank_trace_is_exact_at_every_scale_and_its_rounding_is_covered(method):
    dtype = jnp.float32
    for scale in (0.0, 1e-12, 1.0, 1e12):
        matrix = jnp.asarray(scale * oracles.prescribed(np.r_[1, 2, 3, np.zeros(117)]), dtype)
        op = lsgeo.dense(matrix)
        found = lsgeo.trace(op, key=jax.random.key(0), num_matvecs=24, method=method)
        np.testing.assert_allclose(found.value, 6 * scale, rtol=20 * float(jnp.finfo(dtype).eps))
        assert _covers(found, float(np.trace(np.asarray(matrix, np.float64))))


@pytest.mark.parametrize("method", METHODS)
def test_products_are_counted(method):
    calls = []

    def matvec(v):
        calls.append(1)
        return 2.0 * v

    op = lsgeo.from_matvec(matvec, jnp.ones(120))
    before = len(calls)
    found = lsgeo.trace(op, key=jax.random.key(0), num_matvecs=24, method=method)
    assert len(calls) - before == found.num_matvecs == 24


def test_interval_is_students_and_widened_by_the_bias():
    estimate = lsgeo.Estimate(10.0, 2.0, 5, degrees_of_freedom=4, bias=1.0)
    low, high = estimate.interval(0.95)
    np.testing.assert_allclose([low, high], [9 - 2 * 2.776445, 11 + 2 * 2.776445], rtol=1e-6)
    assert lsgeo.Estimate(1.0, float("nan"), 1).interval() == (-np.inf, np.inf)
    with pytest.raises(ValueError, match="`confidence` must lie strictly between 0 and 1; got 95"):
        estimate.interval(95)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_matvecs": 9, "method": "magic"}, "`method` must be one of krylov, hutch"),
        ({"num_matvecs": 3}, "`num_matvecs` must be an integer of at least 4; got 3"),
        ({}, "exactly one of `num_matvecs` and `rel_tol`; got none"),
        (
            {"num_matvecs": 9, "rel_tol": 0.1},
            "exactly one of `num_matvecs` and `rel_tol`; got both",
        ),
        ({"rel_tol": 0}, "`rel_tol` must lie strictly between 0 and 1; got 0"),
        ({"rel_tol": 0.1, "method": "xtrace"}, "`rel_tol` needs `method` krylov or hutchinson"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.trace(lsgeo.dense(jnp.eye(30)), key=jax.random.key(0), **arguments)


@pytest.mark.parametrize("method", METHODS)
def test_product_that_turns_nan_is_loud(method):
    calls = []

    def matvec(v):
        calls.append(1)
        return v * (jnp.nan if len(calls) > 8 else 2.0) * jnp.arange(1.0, 121.0)

    op = lsgeo.from_matvec(matvec, jnp.ones(120))
    with pytest.raises(ValueError, match="not finite"):
        lsgeo.trace(op, key=jax.random.key(0), num_matvecs=24, method=method)


def test_deflated_quadratic_forms_are_those_of_the_complement_also_after_a_breakdown():
    for values in (
        VALUES,
        np.r_[1, 2, 3, np.zeros(117)],
    ):  # the second breaks down after four steps
        matrix = oracles.prescribed(values)
        op = lsgeo.dense(matrix)
        krylov, signs = Krylov(op, jax.random.key(0)), DeflatedProbes(op, jax.random.key(0))
        krylov.extend(8)
        signs.extend(8)
        z = np.concatenate([np.asarray(chunk) for chunk in signs._chunks(0, 8)])
        q = np.asarray(krylov.rows)[:8]
        left = z - (z @ q.T) @ q
        found = signs.rest(signs.overlaps(krylov), krylov.rule)
        np.testing.assert_allclose(found, np.sum(left @ matrix * left, axis=1), atol=1e-10)


def test_overlaps_that_are_kept_while_basis_and_probes_grow_are_those_made_at_once():
    op = lsgeo.dense(oracles.prescribed(np.linspace(-1, 2, 120)))
    krylov, signs = Krylov(op, jax.random.key(0)), DeflatedProbes(op, jax.random.key(0))
    # Past the end of a block of 64 rows, and in steps that divide neither blocks nor chunks.
    for steps, probes in ((3, 5), (0, 9), (50, 0), (20, 4), (2, 1)):
        krylov.extend(steps)
        signs.extend(probes)
        kept = signs.overlaps(krylov)
    rows = np.asarray(krylov.rows)[: krylov.num_steps + 1]
    drawn = np.concatenate([np.asarray(part) for part in signs._chunks(0, 19)])
    np.testing.assert_allclose(kept, drawn @ rows.T, atol=1e-12)
    assert kept.shape == (19, 76)

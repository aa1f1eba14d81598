"""Randomised trace estimators with honest standard errors."""

import math

import jax
import numpy as np
from scipy import stats

from lsgeo.checks import check_count, check_fraction, check_key, check_one_of
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import Listener, expect, watched
from lsgeo.spectra.krylov import lanczos, probes
from lsgeo.spectra.traces._deflation import DeflatedProbes, Krylov, project_out
from lsgeo.spectra.traces._xtrace import orthonormal_rows, xtrace

MAX_MATVECS = 4096  # where a tolerance is out of reach
MAX_KRYLOV = 64  # rows of a deflating basis held in memory, beside a share of the budget
MIN_PROBES = 16  # before a standard error may end the search
ROUND = 8


@watched
def trace(
    op: LinearOperator,
    *,
    key: jax.Array,
    num_matvecs: int | None = None,
    rel_tol: float | None = None,
    method: str = "krylov",
    progress: Listener | None = None,
) -> Estimate:
    """Estimates the trace of a symmetric operator.

    "hutchinson" averages z'Hz over Rademacher z (Hutchinson 1990). "hutch++" takes the trace exactly on a
    random range of the operator and Hutchinson's estimate on the rest (Meyer, Musco, Musco and Woodruff
    2021, Algorithm 1). "xtrace" lets every probe serve both ends by leaving one out at a time (Epperly,
    Tropp and Webber 2024). "krylov", the default, is Hutch++ with a Krylov space as the range: it finds the
    outliers of a Hessian at both ends in fewer products, and the action on it is known from the Lanczos
    coefficients, where a random range takes a second product per vector. Products are spent in rounds of
    eight, on Lanczos steps or on probes, whichever lowers the variance more.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products to spend; "krylov", Hutch++ and XTrace need at least 4, 6 and 4. With n or more
        to spend the trace is summed exactly.
      rel_tol: instead of `num_matvecs`: goes on until the standard error, enlarged to what Student's
        quantile makes of it at so few probes, is below this fraction of |value|. At least 16 probes are
        taken, and at most 4096 products (a trace near zero has no relative accuracy: read the error).
        For "krylov" and "hutchinson".
      method: "krylov", "hutch++", "hutchinson" or "xtrace".
      progress: called after every product as progress(products, the most there may be, text); without it a
        line shows in a terminal, see `lsgeo.progress`.

    Returns:
      Estimate of tr(op), in the units of op.

    Raises:
      ValueError: if an argument is out of range, the method is unknown or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, trace
      >>> round(float(trace(dense(2.0 * jnp.eye(4)), key=jax.random.key(0), num_matvecs=4).value), 4)
      8.0
    """
    check_operator(op)
    check_key(key)
    check_one_of(method, "method", _METHODS)
    if (num_matvecs is None) == (rel_tol is None):
        raise ValueError(
            "pass exactly one of `num_matvecs` and `rel_tol`; got "
            f"{'none' if rel_tol is None else 'both'}."
        )
    estimate, minimum, adapts = _METHODS[method]
    n = op.shape[0]
    expect(min(n, num_matvecs or MAX_MATVECS), progress)
    if rel_tol is not None:
        check_fraction(rel_tol, "rel_tol")
        if not adapts:
            raise ValueError(f"`rel_tol` needs `method` krylov or hutchinson; got {method!r}.")
        return (
            _exact(op) if n <= 2 * MIN_PROBES else estimate(op, key, min(n, MAX_MATVECS), rel_tol)
        )
    check_count(num_matvecs, "num_matvecs", min(minimum, n))
    return _exact(op) if num_matvecs >= n else estimate(op, key, num_matvecs)


def _exact(op):
    diagonal = np.diag(op.to_dense().astype(np.float64))
    probes.check_products(diagonal)
    return Estimate(
        float(diagonal.sum()), 0.0, len(diagonal), bias=probes.rounding(op, np.zeros(1), diagonal)
    )


def _hutchinson(op, key, budget, rel_tol=None):
    signs = DeflatedProbes(op, key)
    while True:
        done = len(signs.forms)
        # Growing rounds: every look at the error is a chance to stop on a small one by luck.
        wanted = budget if rel_tol is None else max(MIN_PROBES, _rounded(1.5 * done))
        signs.extend(min(wanted, budget) - done)
        found = _summary(op, signs, signs.forms, np.zeros(0))
        if _finished(found, budget, rel_tol):
            return found


def _krylov(op, key, budget, rel_tol=None):
    # The basis is held in memory: no larger than that of Hutch++, or of the other spectral functions.
    most = MAX_KRYLOV if rel_tol is not None else max(MAX_KRYLOV, budget // 3)
    most = min(most, op.shape[0] - 1)
    krylov, signs = Krylov(op, key), DeflatedProbes(op, key)
    signs.extend(min(ROUND if rel_tol is None else MIN_PROBES, budget // 2))
    krylov.extend(min(ROUND, budget // 2, most))
    while True:
        rule, overlaps = krylov.rule, signs.overlaps(krylov)
        rest = signs.rest(overlaps, rule)
        found = _summary(op, signs, rest, rule.alphas)
        if _finished(found, budget, rel_tol):
            return found
        used, room = found.num_matvecs, most - krylov.num_steps
        count = min(ROUND if rel_tol is None else _rounded(used / 8), budget - used)
        if room and _steps_pay(signs, overlaps, rule, rest):
            krylov.extend(min(count, room))
        else:
            signs.extend(count)


def _steps_pay(signs, overlaps, rule, rest):
    # A probe lowers the variance by 1 / m of it; a step by what the last quarter of the steps did.
    back = max(1, len(rule.alphas) // 4)
    if back == len(rule.alphas):
        return False
    old = np.var(signs.rest(overlaps, lanczos.Tridiagonal(*(part[:-back] for part in rule))))
    return old > 0 and (1 - np.var(rest) / old) / back > 1 / len(rest)


def _rounded(count):
    return ROUND * math.ceil(count / ROUND)


def _summary(op, signs, rest, alphas):
    value, error = probes.mean_and_error(rest)
    bias = probes.rounding(op, signs.sizes, alphas)
    used, freedom = len(rest) + len(alphas), probes.degrees_of_freedom(rest)
    return Estimate(float(value + alphas.sum()), float(error), used, freedom, bias)


def _finished(found, budget, rel_tol):
    if found.num_matvecs >= budget:
        return True
    if rel_tol is None:
        return False
    quantile = stats.t.ppf(0.975, found.degrees_of_freedom) / stats.norm.ppf(0.975)
    return quantile * found.standard_error <= max(rel_tol * abs(found.value), found.bias)


def _hutch_plus_plus(op, key, count):
    third = count // 3
    n, dtype = op.shape[0], op.dtype
    sketch_key, probe_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    sketch = op.block_product(probes.rademacher(sketch_key, 0, third, n, dtype))
    probes.check_products(np.asarray(sketch.sum()))
    basis, _ = orthonormal_rows(sketch)
    inside = np.asarray(probes.rowwise_dot(basis, op.block_product(basis)), np.float64)
    signs = probes.rademacher(probe_key, 0, count - 2 * third, n, dtype)
    signs = project_out(basis, third, signs)
    images = op.block_product(signs)
    samples = np.asarray(probes.rowwise_dot(signs, images), np.float64)
    probes.check_products(samples)
    rest, error = probes.mean_and_error(samples)
    bias = probes.rounding(op, np.asarray(probes.row_norms(images)), inside)
    freedom = probes.degrees_of_freedom(samples)
    return Estimate(float(inside.sum() + rest), float(error), count, freedom, bias)


_METHODS = {
    "krylov": (_krylov, 4, True),
    "hutch++": (_hutch_plus_plus, 6, False),
    "hutchinson": (_hutchinson, 1, True),
    "xtrace": (xtrace, 4, False),
}

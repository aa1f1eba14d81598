"""The torture set: symmetric matrices on which published Lanczos codes invent, repeat or lose eigenvalues.

Any tool can be held to it; the module needs NumPy alone. A solver of extreme eigenvalues is a callable

    solver(matrix, bottom=5, top=5, tol=1e-3) -> (values, vectors, residuals)

with the `bottom` lowest and then the `top` highest eigenvalues, ascending, each as often as it occurs (the
whole spectrum where bottom + top >= n), unit vectors as rows and ||A v - lambda v|| for each pair; `vectors`
and `residuals` may be None. `tol` bounds the residual relative to the largest |lambda|. A solver of densities
is

    solver(matrix, num_steps=64, num_probes=2) -> (nodes, weights)

with one row per probe, where padding has weight zero. Both get NumPy arrays of float32 or float64.

    for case in CASES:
        for dtype in DTYPES:
            for scale in SCALES:
                print(check_extremes(case, my_solver, scale=scale, dtype=dtype))

`python -m tests.torture` holds lsgeo to it and prints the table.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable

import numpy as np

SCALES = (1e-12, 1e-8, 1.0, 1e4, 1e12)
DTYPES = (np.float32, np.float64)
TOL = 1e-3
SHARP = 1e-5  # error allowed where an eigenvalue stands apart, relative to the largest |lambda|
APART = (
    0.1  # distance to the next eigenvalue, relative to the largest |lambda|, that counts as apart
)
HONESTY = 2.0  # factor between the reported and the true residual


@dataclasses.dataclass(frozen=True)
class Case:
    """A matrix with a prescribed spectrum.

    `levels` are its eigenvalues with their multiplicities. The eigenvectors are random, or the coordinate
    axes where `axes` is set: the matrix then is diagonal, in blocks that are multiples of the identity, so
    that every start vector lies in an invariant subspace of as many dimensions as there are levels.
    """

    name: str
    levels: tuple[tuple[float, int], ...]
    axes: bool = False
    bottom: int = 5
    top: int = 5
    num_steps: int = 64

    @property
    def eigenvalues(self) -> np.ndarray:
        """All n eigenvalues, ascending, at scale 1."""
        return np.sort(np.repeat(*zip(*self.levels, strict=True)).astype(np.float64))

    @property
    def expected(self) -> np.ndarray:
        """The extreme eigenvalues that a solver is asked for, at scale 1."""
        values = self.eigenvalues
        if self.bottom + self.top >= len(values):
            return values
        return np.r_[values[: self.bottom], values[len(values) - self.top :]]

    def matrix(self, scale: float = 1.0, dtype: type = np.float64) -> np.ndarray:
        """The matrix times `scale`, rounded to `dtype`, shape [n, n]."""
        return (scale * _matrix(self)).astype(dtype)


@functools.cache
def _matrix(case):
    values = np.repeat(*zip(*case.levels, strict=True)).astype(np.float64)
    if case.axes:
        return np.diag(values)
    gaussian = np.random.default_rng(0).standard_normal((len(values), len(values)))
    q, _ = np.linalg.qr(gaussian)
    matrix = (q * values) @ q.T
    return (matrix + matrix.T) / 2


def _once(values: Iterable[float]) -> tuple[tuple[float, int], ...]:
    return tuple((float(value), 1) for value in values)


CASES = (
    Case("rank three", ((0, 97), (1, 1), (2, 1), (3, 1))),
    Case("identity", ((1, 100),)),
    Case("plus and minus one", ((-1, 50), (1, 50))),
    Case(
        "ten spikes over a bulk",
        _once(np.r_[np.linspace(-1, 1, 290), np.linspace(5, 50, 10)]),
        top=10,
        num_steps=100,
    ),
    Case("triple top eigenvalue", (*_once(np.linspace(-1, 1, 97)), (10, 3))),
    Case("zero matrix", ((0, 100),)),
    Case("one row", ((3, 1),)),
    Case("two rows", ((-1, 1), (2, 1))),
    Case("fewer rows than steps", ((-3, 1), (0, 1), (1, 2), (2, 1), (4, 1)), bottom=2, top=2),
    Case("invariant start", ((-1, 30), (2, 40), (5, 30)), axes=True),
    Case("negative definite", _once(-np.linspace(1, 2, 100))),
    Case("condition number 1e10", _once(np.logspace(-10, 0, 100))),
)


@dataclasses.dataclass(frozen=True)
class Report:
    """What one solver did on one matrix; it passed where `failures` is empty."""

    case: str
    job: str  # "extremes" or "density"
    scale: float
    dtype: str
    failures: tuple[str, ...]  # each begins with its kind: "ghost: ..."
    error: (
        float  # largest distance of a value from its eigenvalue, relative to the largest |lambda|
    )

    @property
    def passed(self) -> bool:
        return not self.failures

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "; ".join(self.failures)
        return f"{self.case}, {self.job}, {self.dtype}, scale {self.scale:g}: {verdict}"


def check_extremes(
    case: Case, solver: Callable, *, scale: float = 1.0, dtype: type = np.float64
) -> Report:
    """Holds a solver of extreme eigenvalues to one case; see the module for its interface."""
    matrix = case.matrix(scale, dtype)
    try:
        values, vectors, residuals = solver(matrix, bottom=case.bottom, top=case.top, tol=TOL)
    except Exception as error:  # whatever a tool raises is its result
        return _raised(case, "extremes", scale, dtype, error)
    # From here on in units of the scale: what is relative at scale 1 is relative at all.
    matrix = matrix.astype(np.float64) / scale
    values = np.asarray(values, np.float64).reshape(-1) / scale
    failures, error = _compare(values, case, dtype)
    if not failures and vectors is not None:
        vectors = np.asarray(vectors, np.float64).reshape(len(values), -1)
        reported = None if residuals is None else np.asarray(residuals, np.float64) / scale
        failures = _check_vectors(matrix, values, vectors, reported, _rounding(case, dtype))
    return Report(case.name, "extremes", scale, np.dtype(dtype).name, tuple(failures), error)


def check_density(
    case: Case, solver: Callable, *, scale: float = 1.0, dtype: type = np.float64
) -> Report:
    """Holds a quadrature of the spectrum to one case; see the module for its interface."""
    try:
        nodes, weights = solver(case.matrix(scale, dtype), num_steps=case.num_steps, num_probes=2)
    except Exception as error:  # whatever a tool raises is its result
        return _raised(case, "density", scale, dtype, error)
    nodes = np.atleast_2d(np.asarray(nodes, np.float64)) / scale
    weights = np.atleast_2d(np.asarray(weights, np.float64))
    failures, error = [], np.nan
    if not (np.isfinite(nodes).all() and np.isfinite(weights).all()):
        failures.append("NaN: a node or a weight is not finite")
    elif np.abs(weights.sum(axis=1) - 1).max() > 1e-4 or weights.min() < -1e-6:
        failures.append(f"weights: they sum to {weights.sum(axis=1).round(3)}, not 1")
    else:
        rows = [row[weight > 0] for row, weight in zip(nodes, weights, strict=True)]
        failures, error = _check_nodes(rows, case, dtype)
    return Report(case.name, "density", scale, np.dtype(dtype).name, tuple(failures), error)


def check_all(tool: str, extremes: Callable | None, density: Callable | None) -> dict:
    """Runs the whole set over a tool: {(tool, job, dtype, case): [Report at each scale]}."""
    jobs = (("extremes", check_extremes, extremes), ("density", check_density, density))
    results = {}
    for (job, check, solver), dtype, case in itertools.product(jobs, DTYPES, CASES):
        if solver is not None:
            key = tool, job, np.dtype(dtype).name, case.name
            results[key] = [check(case, solver, scale=scale, dtype=dtype) for scale in SCALES]
    return results


def table(results: dict) -> str:
    """Writes results of `check_all`, joined over tools, as markdown.

    A row per case, a column per tool and job; a cell counts failures over scales and dtypes by their kinds.
    """
    columns = list(dict.fromkeys(key[:2] for key in results))
    lines = [
        f"| matrix | {' | '.join(' '.join(column) for column in columns)} |",
        "|" + "---|" * (len(columns) + 1),
    ]
    passed = dict.fromkeys(columns, 0)
    for case in CASES:
        cells = []
        for column in columns:
            runs = [r for key, r in results.items() if (*key[:2], key[3]) == (*column, case.name)]
            reports = list(itertools.chain.from_iterable(runs))
            passed[column] += all(report.passed for report in reports)
            cells.append(_cell(reports))
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    total = " | ".join(f"**{count} of {len(CASES)}**" for count in passed.values())
    return "\n".join([*lines, f"| passed in all runs | {total} |"])


def _cell(reports):
    kinds = [report.failures[0].split(":")[0] for report in reports if not report.passed]
    if not kinds:
        return "pass"
    counts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
    return f"{counts} of {len(reports)}"


def _raised(case, job, scale, dtype, error):
    text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return Report(case.name, job, scale, np.dtype(dtype).name, (text,), np.nan)


def _rounding(case, dtype):
    # Of the matrix itself, and of a product with it.
    return 20 * float(np.finfo(dtype).eps) * np.abs(case.eigenvalues).max()


def _allowed(case):
    """Distance allowed for each distinct eigenvalue."""
    distinct = np.unique(case.eigenvalues)
    largest = np.abs(distinct).max()
    gaps = np.diff(distinct, prepend=-np.inf, append=np.inf)
    apart = np.minimum(gaps[:-1], gaps[1:]) >= APART * largest
    return distinct, np.where(apart, SHARP, TOL) * largest, apart


def _compare(values, case, dtype):
    expected, distinct_allowed = case.expected, _allowed(case)
    if not np.isfinite(values).all():
        return ["NaN: a value is not finite"], np.nan
    if len(values) != len(expected):
        return [f"count: {len(values)} values for {len(expected)}"], np.nan
    distinct, allowed, _ = distinct_allowed
    allowed = allowed + _rounding(case, dtype)
    distance = np.abs(values[:, None] - distinct)
    error = float(np.abs(values - expected).max() / (np.abs(distinct).max() or 1))
    stray = (distance > allowed).all(axis=1)
    if stray.any():
        return [f"invented: {values[stray].round(6)} near no eigenvalue"], error
    bound = allowed[np.searchsorted(distinct, expected)]
    wrong = np.abs(values - expected) > bound
    if not wrong.any():
        return [], error
    for level, width in zip(distinct, allowed, strict=True):
        copies = np.sum(np.abs(values - level) <= width)
        if copies > np.sum(np.abs(case.eigenvalues - level) <= 2 * width):
            return [f"ghost: {level:g} comes {copies} times"], error
    return [f"missed: {expected[wrong].round(6)}, got {values[wrong].round(6)}"], error


def _check_vectors(matrix, values, vectors, reported, rounding):
    failures = []
    gram = vectors @ vectors.T
    if not np.abs(gram - np.eye(len(gram))).max() <= TOL:
        failures.append("vectors: not orthonormal")
    true = np.linalg.norm(matrix @ vectors.T - vectors.T * values, axis=0)
    if not np.all(true <= TOL * np.abs(values).max() + rounding):
        failures.append(f"residual: {true.max():.1e} is over the tolerance")
    if reported is None:
        return failures
    if not np.all(true <= HONESTY * reported + rounding):
        failures.append("residual: reported smaller than it is")
    if not np.all(reported <= HONESTY * true + rounding):
        failures.append("residual: reported larger than it is")
    return failures


def _check_nodes(rows, case, dtype):
    distinct, _, apart = _allowed(case)
    largest = np.abs(distinct).max()
    width = SHARP * largest + _rounding(case, dtype)
    nodes = np.concatenate(rows)
    distance = np.abs(nodes[:, None] - distinct)
    error = float(distance.min(axis=1).max() / (largest or 1))
    outside = np.maximum(distinct[0] - nodes, nodes - distinct[-1]) > width
    if outside.any():
        return [f"invented: {nodes[outside].round(6)} outside of the spectrum"], error
    if len(distinct) <= case.num_steps and (distance > width).all(axis=1).any():
        stray = nodes[(distance > width).all(axis=1)]
        return [f"invented: {stray.round(6)} near no eigenvalue"], error
    for row, level in itertools.product(rows, distinct[apart]):
        copies = np.sum(np.abs(row - level) <= width)
        if copies > np.sum(case.eigenvalues == level):
            return [f"ghost: {level:g} has {copies} nodes"], error
        if copies == 0:
            return [f"missed: {level:g} has no node"], error
    return [], error


def lsgeo_solvers() -> tuple[Callable, Callable]:
    """The two solvers of lsgeo: how an adapter looks."""
    import jax

    import lsgeo

    key = jax.random.key(1)

    def extremes(matrix, *, bottom, top, tol):
        op = lsgeo.dense(matrix)
        pairs = lsgeo.extreme_eigenpairs(op, key=key, bottom=bottom, top=top, tol=tol)
        return pairs.values, pairs.vectors, pairs.residuals

    def density(matrix, *, num_steps, num_probes):
        op = lsgeo.dense(matrix)
        result = lsgeo.spectral_density(op, key=key, num_probes=num_probes, num_steps=num_steps)
        return result.nodes, result.weights

    return extremes, density


def main() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    results = check_all("lsgeo", *lsgeo_solvers())
    print(table(results))
    for report in itertools.chain.from_iterable(results.values()):
        if not report.passed:
            print(report)


if __name__ == "__main__":
    main()

"""Extreme eigenpairs from both ends of one Krylov basis, by thick-restarted Lanczos."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

from lsgeo import trees
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra import lanczos
from lsgeo.spectra.arguments import check_count, check_fraction, check_key, check_operator

CHECK_EVERY = 8


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class EigenPairs:
    """Eigenpairs in ascending order; see `extreme_eigenpairs`."""

    values: np.ndarray  # (k,)
    vectors: Any  # like params, each leaf (k, ...), unit norm
    residuals: np.ndarray  # (k,), ||H v - lambda v||
    converged: np.ndarray  # (k,), bool
    noise: float
    num_matvecs: int

    def __str__(self) -> str:
        pairs = ", ".join(
            f"{v:.6g} (±{r:.1g})" for v, r in zip(self.values, self.residuals, strict=True)
        )
        done = f"{int(np.sum(self.converged))} of {len(self.values)} converged"
        return f"EigenPairs: {pairs}; {done} ({self.num_matvecs} products)"


def extreme_eigenpairs(
    op: LinearOperator,
    *,
    key: jax.Array,
    top: int = 1,
    bottom: int = 1,
    tol: float = 1e-3,
    basis_size: int | None = None,
    max_matvecs: int | None = None,
) -> EigenPairs:
    """Finds the lowest and the highest eigenvalues of a symmetric operator and their vectors.

    Thick-restarted Lanczos (Wu and Simon 2000) with full two-pass orthogonalisation. A Krylov space shows
    one copy of a repeated eigenvalue; so where more than one pair per end is asked for, the process goes
    on from fresh random vectors, orthogonal to what was found, until these show nothing new.

    Args:
      op: symmetric operator on [n].
      key: typed random key for the start vectors.
      top: number of highest eigenvalues, each as often as it occurs.
      bottom: number of lowest eigenvalues.
      tol: bound on the residual relative to the largest |lambda|.
      basis_size: Lanczos vectors held in memory; by default max(64, 4 * (top + bottom)). An operator with
        fewer rows is diagonalised whole.
      max_matvecs: products after which the search ends unconverged; by default 40 * basis_size.

    Returns:
      EigenPairs: the `bottom` lowest, then the `top` highest values, in the units of op; the whole spectrum
      where top + bottom >= n.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, extreme_eigenpairs
      >>> pairs = extreme_eigenpairs(dense(jnp.diag(jnp.array([-2.0, 0.5, 1.0]))), key=jax.random.key(0))
      >>> pairs.values.round(4).tolist()
      [-2.0, 1.0]
    """
    check_operator(op)
    check_key(key)
    check_count(top, "top", 0)
    check_count(bottom, "bottom", 0)
    check_count(top + bottom, "top + bottom")
    check_fraction(tol, "tol")
    wanted = top + bottom
    size = max(64, 4 * wanted) if basis_size is None else basis_size
    check_count(size, "basis_size", min(op.shape[0], 2 * wanted + 4))
    limit = 40 * size if max_matvecs is None else max_matvecs
    check_count(limit, "max_matvecs")
    if op.shape[0] <= max(size, wanted):
        return _whole_spectrum(op, top, bottom)
    search = _Search(op, key, top, bottom, tol, size, limit)
    found = search.run()
    return _with_residuals(op, found, tol, search.num_matvecs, search.complete)


def _whole_spectrum(op, top, bottom):
    matrix = np.asarray(op.to_dense(), np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError(
            "the product of `op` was not finite. Check the parameters and data for NaN."
        )
    values, vectors = linalg.eigh(matrix)
    n = len(values)
    chosen = np.arange(n) if top + bottom >= n else np.r_[:bottom, n - top : n]
    values, vectors = values[chosen], vectors[:, chosen]
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    noise = float(op.noise) * np.abs(values).max()
    residuals = np.maximum(residuals, noise)
    rows = trees.unravel(op.space, jnp.asarray(vectors.T, op.dtype))
    return EigenPairs(values, rows, residuals, np.ones(len(values), bool), noise, n)


class _Found(NamedTuple):
    values: np.ndarray
    rows: jax.Array
    scale: float


class _Search:
    """One search: a basis of fixed size, its projected matrix T on the host, and the cycle over both."""

    def __init__(self, op, key, top, bottom, tol, size, limit):
        self.op, self.top, self.bottom, self.tol = op, top, bottom, tol
        self.size, self.limit = size, limit
        self.num_matvecs = 0
        self.complete = False
        self.state = lanczos.start(op, size, key=key)
        self.kept = np.zeros(0)  # Ritz values of the rows before the first new one
        self.coupling = np.zeros(0)  # T between them and that row

    def run(self) -> _Found:
        verify = self.top > 1 or self.bottom > 1
        confirmed = None
        while True:
            extra = int(confirmed is not None)
            values, vectors, residuals = self._cycle(self.top + extra, self.bottom + extra)
            scale = np.abs(values).max()
            done = self._converged(values, residuals, self.top + extra, self.bottom + extra)
            if done:
                ends = values[self._ends(len(values), self.top, self.bottom)]
                if not verify or (
                    confirmed is not None and np.abs(ends - confirmed).max() <= self.tol * scale
                ):
                    self.complete = True
                    break
                confirmed = ends
            if self.num_matvecs >= self.limit:
                break
            self._restart(values, vectors, fresh=done)
        return self._extract(values, vectors, scale)

    def _cycle(self, top, bottom):
        begin = len(self.kept)
        while begin < self.size:
            end = min(begin + CHECK_EVERY, self.size)
            self.state = lanczos.extend(self.op, self.state, begin, end)
            self.num_matvecs += end - begin
            begin = end
            values, vectors, residuals = self._ritz(end)
            enough = end >= min(self.size, len(self.kept) + 2 * (top + bottom) + 4)
            if enough and self._converged(values, residuals, top, bottom):
                break
            if self.num_matvecs >= self.limit:
                break
        return values, vectors, residuals

    def _ritz(self, count):
        rule = lanczos.tridiagonal(self.state, count)
        head = len(self.kept)
        matrix = np.diag(rule.alphas)
        matrix[np.arange(head), np.arange(head)] = self.kept
        off = rule.betas[head : count - 1]
        index = np.arange(head, count - 1)
        matrix[index, index + 1] = matrix[index + 1, index] = off
        matrix[head, :head] = matrix[:head, head] = self.coupling
        values, vectors = linalg.eigh(matrix)
        self.last_beta = rule.betas[count - 1]
        return values, vectors, np.abs(self.last_beta * vectors[-1])

    def _ends(self, count, top, bottom):
        return np.r_[: min(bottom, count), max(count - top, 0) : count]

    def _converged(self, values, residuals, top, bottom):
        if len(values) < top + bottom:
            return False
        ends = self._ends(len(values), top, bottom)
        return bool(np.all(residuals[ends] <= self.tol * np.abs(values).max()))

    def _restart(self, values, vectors, *, fresh):
        count = len(values)
        spare = max(0, (self.size // 2 - self.top - self.bottom - 2) // 2)
        low, high = self.bottom + 1 + spare, self.top + 1 + spare
        ends = self._ends(count, min(high, count // 3), min(low, count // 3))
        if fresh:
            ends = self._ends(count, min(self.top, count // 2), min(self.bottom, count // 2))
        rows = len(self.state.basis)
        rotation = np.zeros((rows, rows))
        rotation[: len(ends), :count] = vectors[:, ends].T
        self.state = lanczos.restart(
            self.state, jnp.asarray(rotation, self.op.dtype), len(ends), count, fresh
        )
        self.kept = values[ends]
        self.coupling = np.zeros(len(ends)) if fresh else self.last_beta * vectors[-1, ends]

    def _extract(self, values, vectors, scale):
        ends = self._ends(len(values), self.top, self.bottom)
        rotation = np.zeros((len(ends), len(self.state.basis)))
        rotation[:, : len(values)] = vectors[:, ends].T
        rows = _combine(jnp.asarray(rotation, self.op.dtype), self.state.basis)
        return _Found(values[ends], rows, scale)


@jax.jit
def _combine(rotation, basis):
    rows = jnp.matmul(rotation, basis, precision=trees.HIGHEST)
    return rows / jnp.linalg.norm(rows, axis=1, keepdims=True)


def _with_residuals(op, found, tol, num_matvecs, complete):
    products = op.block_product(found.rows)
    residuals = np.asarray(_residuals(found.rows, products, jnp.asarray(found.values, op.dtype)))
    residuals = residuals.astype(np.float64)
    noise = float(op.noise) * found.scale
    converged = (residuals <= tol * found.scale) & complete
    vectors = trees.unravel(op.space, found.rows)
    count = num_matvecs + len(products)
    return EigenPairs(found.values, vectors, residuals, converged, noise, count)


@jax.jit
def _residuals(rows, products, values):
    return jax.vmap(trees.norm)(products - values[:, None] * rows)

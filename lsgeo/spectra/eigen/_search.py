"""The search for extreme eigenpairs: thick-restarted Lanczos on one basis, and its doubts about copies.

Rows of the basis are *done* (multiplied) or *due*. The projection of the operator on the rows that are done
gives Ritz pairs; what their products have along rows that are due is exactly their residual. The row that
the wanted pairs lack most is multiplied next. With one start that is Lanczos; a restart keeps the Ritz
vectors at both ends and the rows that are due (Wu and Simon 2000).

A Krylov space shows one copy of a repeated eigenvalue. So a fresh random chain, orthogonal to everything,
runs beside the converged pairs until it shows another copy, which joins the search, or until one would
have shown: by Kuczynski and Wozniakowski 1992, Theorem 4.2, or because the chain is as long as the one that
found the first copy.
"""

from typing import NamedTuple

import jax
import numpy as np

from lsgeo.progress import say
from lsgeo.spectra.krylov import _spherical, lanczos
from lsgeo.spectra.krylov import basis as bases

SMALL = 4096  # below this many rows, products are cheaper than looking at T
CAUTION = (
    0.7  # share of `tol` that residuals must reach: at the edge of a bulk, values lag behind them
)
MISSED_COPY = 2e-3  # probability with which a copy of an eigenvalue, at either end, may be missed


class Ritz(NamedTuple):
    """Ritz pairs in ascending order."""

    values: np.ndarray  # (m,)
    residuals: np.ndarray  # (m,)
    vectors: np.ndarray  # (m, m), columns in the rows of `done`
    done: np.ndarray  # (m,), rows of the basis

    def coefficients(self, chosen: np.ndarray, count: int) -> np.ndarray:
        """Returns the chosen vectors as coefficients [k, count] of all rows of the basis."""
        result = np.zeros((len(chosen), count))
        result[:, self.done] = self.vectors[:, chosen].T
        return result


class Search:
    """Finds the `top` highest and `bottom` lowest pairs of `op`; `run` does it."""

    def __init__(self, op, key, top, bottom, tol, size, limit, place, first=None):
        self.op, self.key, self.top, self.bottom, self.tol = op, key, top, bottom, tol
        self.size, self.limit = size, limit
        self.every = 8 if op.shape[0] < SMALL else 4
        self.num_matvecs = self.num_fresh = 0
        self.complete = False
        self.single = None  # values that no chain has shown a further copy of
        self.vectors = bases.make(place, op.shape[0], op.dtype)
        self.products = np.zeros((0, 0))  # [i, j] = row i . op row j, for rows j that are done
        self.dropped = np.zeros(0)  # norms of what breakdowns took for rounding
        self.done = np.zeros(0, bool)
        self.last = None  # (row, vector) multiplied last, while the next row continues it
        self.due = self._add(self._fresh() if first is None else first)

    def run(self) -> tuple[np.ndarray, np.ndarray, jax.Array, float]:
        """Returns the wanted values, residuals, vectors [k, n] and the largest |value|."""
        while True:
            ritz = self._improve()
            steps = self.num_matvecs
            if self.num_matvecs >= self.limit:
                self.complete = self._converged(ritz) and self._certain(ritz.values)
                break
            if not self._certain(ritz.values) and self.vectors.count > self.size // 2:
                ritz = self._compress(ritz, self.size // 2)
            if self._certain(ritz.values) or self._verified(ritz, steps):
                self.complete = True
                break
        values, residuals = ritz.values, ritz.residuals
        chosen = self._ends(len(values), self.top, self.bottom)
        rows = self.vectors.combine(ritz.coefficients(chosen, self.vectors.count))
        return values[chosen], residuals[chosen], rows, np.abs(values).max()

    def _improve(self):
        """Multiplies rows until the wanted pairs have converged."""
        while True:
            for _ in range(min(self.every, self.limit - self.num_matvecs)):
                if self.vectors.count > self.size:
                    break
                self._step()
            ritz = self._ritz(np.flatnonzero(self.done))
            say(self._words(ritz))
            if self._converged(ritz) or self.num_matvecs >= self.limit:
                return ritz
            if self.vectors.count > self.size:
                ritz = self._compress(ritz, self.size // 2)
            self._choose(ritz)

    def _verified(self, known, steps):
        """Runs a fresh chain; False where it shows an eigenvalue that changes the result."""
        start = self.vectors.count
        self.due, self.last = self._add(self._fresh()), None
        repeated = self._repeated(known.values)
        middle = known.values[len(known.values) // 2]
        low = max(repeated[repeated < middle], default=-np.inf)
        high = min(repeated[repeated > middle], default=np.inf)
        margin = self.tol * np.abs(known.values).max()
        for step in range(1, steps + 1):
            exhausted = self._step()
            chain = self._ritz(start + np.flatnonzero(self.done[start:]))
            first, last = chain.values[[0, -1]]
            if first <= low + margin or last >= high - margin:
                return False
            reach = _spherical.missed(self.op.shape[0], step, last - first, MISSED_COPY)
            if exhausted or (first - reach > low and last + reach < high):
                break
            if self.num_matvecs >= self.limit:
                return False
            if self.vectors.count > self.size:
                self._compress_chain(chain, start)
        self.single = repeated
        return not len(self._beyond(chain.values, known.values))

    def _step(self):
        """Multiplies the row that is due; returns whether nothing new was left of the product."""
        row, current = self.due
        previous, coupling = None, 0.0
        if self.last is not None:
            previous, coupling = self.last[1], self.products[row, self.last[0]]
        product = self.op.flat_product(current)
        rest = lanczos.orthogonalised(self.vectors, product, current, previous, coupling)
        column = rest.overlaps
        column[row] += rest.alpha
        if self.last is not None:
            column[self.last[0]] += coupling
        lanczos.check_finite(column[row], rest.norm, self.num_matvecs)
        self.num_matvecs += 1
        self.products[:, row] = column
        self.products[row, self.done] = column[self.done]
        self.done[row] = True
        self.last = (row, current)
        scale = np.abs(self.products).sum(axis=0).max() + rest.norm
        if lanczos.is_breakdown(rest.norm, scale, self.op.dtype):
            self.dropped[row] = rest.norm
            self.due, self.last = self._add(self._fresh()), None
            return True
        self.due = self._add(lanczos.divided(rest.vector, rest.norm))
        self.products[self.due[0], row] = rest.norm
        return False

    def _add(self, v):
        row = self.vectors.count
        self.vectors.append(v)
        self.products = np.pad(self.products, (0, 1))
        self.dropped = np.append(self.dropped, 0.0)
        self.done = np.append(self.done, False)
        return row, v

    def _fresh(self):
        key = jax.random.fold_in(self.key, self.num_fresh)
        self.num_fresh += 1
        return lanczos.fresh_vector(self.vectors, key, self.op.shape[0], self.op.dtype)

    def _choose(self, ritz):
        """Takes up the row that the unconverged wanted pairs lack most."""
        short = self._short(ritz)
        lacking = self.products[:, ritz.done] @ ritz.vectors[:, short]
        lacking = np.where(self.done, 0.0, np.sum(lacking**2, axis=1))
        row = int(np.argmax(lacking))
        if lacking[row] > 0 and row != self.due[0]:
            self.due, self.last = (row, self.vectors.row(row)), None

    def _ritz(self, rows):
        block = self.products[np.ix_(rows, rows)]
        values, vectors = np.linalg.eigh((block + block.T) / 2)
        others = np.setdiff1d(np.arange(self.vectors.count), rows)
        outside = np.r_[
            self.products[np.ix_(others, rows)] @ vectors, self.dropped[rows, None] * vectors
        ]
        return Ritz(values, np.linalg.norm(outside, axis=0), vectors, rows)

    def _converged(self, ritz):
        wanted = self.top + self.bottom
        if len(ritz.values) < wanted or self.num_matvecs < min(self.size, 2 * wanted + 4):
            return False
        return not len(self._short(ritz))

    def _words(self, ritz):
        wanted = self.top + self.bottom
        found = min(wanted, len(ritz.values)) - len(self._short(ritz))
        return f"{found} of {wanted} pairs converged"

    def _short(self, ritz):
        """The wanted pairs that have not converged."""
        ends = self._ends(len(ritz.values), self.top, self.bottom)
        return ends[ritz.residuals[ends] > CAUTION * self.tol * np.abs(ritz.values).max()]

    def _repeated(self, values):
        """The wanted values of which a further copy would change the result."""
        wanted = values[self._ends(len(values), self.top, self.bottom)]
        return wanted[self._beyond(wanted, values, 2 * self.tol)]

    def _certain(self, values):
        """Whether no copy can be missing that matters, or a chain has shown that none is."""
        repeated, margin = self._repeated(values), self.tol * np.abs(values).max()
        if not len(repeated):
            return True
        same = self.single is not None and len(self.single) == len(repeated)
        return same and bool(np.all(np.abs(self.single - repeated) <= margin))

    def _beyond(self, values, known, tol=None):
        """Indices of `values` outside the wanted ends of `known`, by more than the tolerance."""
        margin = (tol or self.tol) * np.abs(np.r_[known, values]).max()
        outside = np.zeros(len(values), bool)
        if self.top:
            outside |= values > known[-min(self.top, len(known))] + margin
        if self.bottom:
            outside |= values < known[min(self.bottom, len(known)) - 1] - margin
        return np.flatnonzero(outside)

    def _ends(self, count, top, bottom):
        if top + bottom >= count:
            return np.arange(count)
        return np.r_[:bottom, count - top : count]

    def _compress(self, ritz, target):
        """Restarts with the Ritz vectors at both ends and the rows that are due."""
        due = np.flatnonzero(~self.done)
        spare = max(0, target - len(due) - self.top - self.bottom)
        limit = 2 * len(ritz.values) // 3
        top, bottom = self.top + (spare + 1) // 2, self.bottom + spare // 2
        kept = self._ends(len(ritz.values), min(top, limit), min(bottom, limit))
        self._rotate(ritz.coefficients(kept, self.vectors.count), due)
        return self._ritz(np.arange(len(kept)))

    def _compress_chain(self, chain, start):
        """Restarts the chain beyond row `start` alone."""
        third = (len(chain.values) - 1) // 3
        kept = self._ends(len(chain.values), third, third)
        before = np.eye(self.vectors.count)[:start]
        coefficients = np.r_[before, chain.coefficients(kept, self.vectors.count)]
        self._rotate(coefficients, np.array([self.vectors.count - 1]))

    def _rotate(self, coefficients, due):
        """Replaces the rows by combinations of rows that are done, then those in `due`."""
        count = self.vectors.count
        rotation = np.r_[coefficients, np.eye(count)[due]]
        done = np.r_[np.any(coefficients[:, self.done], axis=1), np.zeros(len(due), bool)]
        images = self.products @ np.where(done[:, None], rotation, 0).T
        self.products = rotation @ images
        self.dropped = np.linalg.norm(rotation * self.dropped, axis=1)
        self.done, self.last = done, None
        self.vectors = self.vectors.rotated(rotation)
        row = self.vectors.count - 1
        self.due = row, self.vectors.row(row)

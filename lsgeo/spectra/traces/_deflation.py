"""Randomised estimates on what a Krylov space leaves over."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.krylov import lanczos, probes

CHUNK = 8
KEY_KRYLOV, KEY_PROBES = 0, 1


class Krylov:
    """A growing Krylov basis Q of k rows with H Q' = Q' T + beta q e_k', q the basis vector after the last.

    So (I - P) H P is known, P = Q'Q, and no product is due for H on the span of Q.
    """

    def __init__(self, op: LinearOperator, key: jax.Array):
        self.op = op
        self.num_steps = 0
        key = jax.random.fold_in(key, KEY_KRYLOV)
        self._state = lanczos.start(op, key=key)

    def extend(self, count: int) -> None:
        lanczos.extend(self.op, self._state, count)
        self.num_steps += count

    @property
    def blocks(self) -> list[jax.Array]:
        """The basis vectors in blocks of equally many rows: the k of Q, the next one, rows of zeros."""
        return self._state.vectors.blocks

    @property
    def rows(self) -> jax.Array:
        """Basis vectors, shape [k' >= k + 1, n]: the k of Q, the next one, and rows of zeros."""
        return self._state.basis

    @property
    def rule(self) -> lanczos.Tridiagonal:
        return self._state.rule

    def project_out(self, vs: jax.Array) -> jax.Array:
        """Takes the span of Q out of each row of `vs` [m, n]."""
        return project_out(self.rows, self.num_steps, vs)


class DeflatedProbes:
    """Quadratic forms z'(I - P) H (I - P) z of random sign vectors, for a P that may still grow.

    They follow from z'Hz and Q z alone, so that products with the probes serve every P.
    """

    def __init__(self, op: LinearOperator, key: jax.Array):
        self.op = op
        self.key = jax.random.fold_in(key, KEY_PROBES)
        self.forms = np.zeros(0)  # z'Hz
        self.sizes = np.zeros(0)  # ||Hz||
        self._overlaps = np.zeros((0, 0))  # with the basis vectors seen so far

    def extend(self, count: int) -> None:
        for signs in self._chunks(len(self.forms), count):
            images = self.op.block_product(signs)
            forms, sizes = probes.rowwise_dot(signs, images), probes.row_norms(images)
            probes.check_products(np.asarray(forms))
            self.forms = np.append(self.forms, np.asarray(forms, np.float64))
            self.sizes = np.append(self.sizes, np.asarray(sizes, np.float64))

    def overlaps(self, krylov: Krylov) -> np.ndarray:
        """Inner products with Q's rows and the next vector, shape [m, k + 1].

        Those of earlier calls are kept: the basis and the probes may have grown, but not changed.
        """
        seen, width = self._overlaps.shape
        result = np.zeros((len(self.forms), krylov.num_steps + 1))
        result[:seen, :width] = self._overlaps
        if result.shape[1] > width:
            self._fill(result, krylov, 0, seen, width)
        self._fill(result, krylov, seen, len(self.forms) - seen, 0)
        self._overlaps = result
        return result

    def _fill(self, result, krylov, begin, count, first_column):
        # In pieces of few rows, so that a basis that grows by a few is not read again as a whole.
        rows = len(krylov.blocks[0])
        piece = min(CHUNK, rows)
        for signs in self._chunks(begin, count):
            for column in range(first_column - first_column % piece, result.shape[1], piece):
                block, offset = divmod(column, rows)
                part = _overlaps(jnp.asarray(krylov.blocks[block]), signs, offset, piece)
                width = min(piece, result.shape[1] - column)
                result[begin : begin + len(signs), column : column + width] = part[:, :width]
            begin += len(signs)

    def rest(self, overlaps: np.ndarray, rule: lanczos.Tridiagonal) -> np.ndarray:
        """The quadratic forms on the complement of the basis vectors that `rule` belongs to, shape [m]."""
        k = len(rule.alphas)
        c, after = overlaps[:, :k], overlaps[:, k]
        inside = np.sum(rule.alphas * c**2, axis=1)
        inside += 2 * np.sum(rule.betas[:-1] * c[:, 1:] * c[:, :-1], axis=1)
        return self.forms - inside - 2 * rule.betas[-1] * after * c[:, -1]

    def _chunks(self, first, count):
        # Of one size, so that they share a compilation.
        for begin in range(first, first + count, CHUNK):
            size = min(CHUNK, first + count - begin)
            yield probes.rademacher(self.key, begin, size, self.op.shape[0], self.op.dtype)


@functools.partial(jax.jit, static_argnums=3)
def _overlaps(block, vs, offset, count):
    rows = jax.lax.dynamic_slice_in_dim(block, offset, count)
    return jnp.matmul(vs, rows.T, precision=trees.HIGHEST)


@jax.jit
def project_out(basis: jax.Array, num_steps: int, vs: jax.Array) -> jax.Array:
    """Takes the first `num_steps` rows of an orthonormal basis out of each row of `vs`."""
    inside = (jnp.arange(len(basis)) < num_steps)[None]
    for _ in range(2):
        overlaps = jnp.where(inside, jnp.matmul(vs, basis.T, precision=trees.HIGHEST), 0)
        vs = vs - jnp.matmul(overlaps, basis, precision=trees.HIGHEST)
    return vs

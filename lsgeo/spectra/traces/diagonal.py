"""The diagonal from matrix-vector products."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.krylov import probes
from lsgeo.spectra.traces._deflation import CHUNK, KEY_PROBES, Krylov


@trees.frozen
class Diagonal:
    """An estimate of every diagonal entry with its standard error; see `diagonal`."""

    value: Any  # like params
    standard_error: Any  # like params
    num_matvecs: int

    def __str__(self) -> str:
        leaves = [np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(self.value)]
        errors = [np.asarray(leaf).reshape(-1) for leaf in jax.tree.leaves(self.standard_error)]
        entries, typical = np.concatenate(leaves), np.median(np.concatenate(errors))
        return (
            f"Diagonal: {len(entries)} entries in [{entries.min():.4g}, {entries.max():.4g}], "
            f"median standard error {typical:.2g} ({self.num_matvecs} products)"
        )


@watched
def diagonal(
    op: LinearOperator, *, key: jax.Array, num_matvecs: int = 64, num_deflated: int = 0
) -> Diagonal:
    """Estimates the diagonal of a symmetric operator.

    Averages z * Hz, entry by entry, over Rademacher z (Bekas, Kokiopoulou and Saad 2007). It is exact where H
    is diagonal; the variance of entry i is the sum of H_ij^2 over j other than i. Deflation (Diag++, Baston and
    Nakatsukasa 2022) takes the diagonal exactly on a Krylov space and averages over the rest: it pays where a
    few eigenvalues dominate, and costs the exactness on diagonal operators.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products to spend.
      num_deflated: how many of them go into the Krylov space, held in memory.

    Returns:
      Diagonal with entries like params, in the units of op; a single probe has standard errors NaN.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, diagonal
      >>> found = diagonal(dense(jnp.diag(jnp.array([3.0, -4.0]))), key=jax.random.key(0), num_matvecs=2)
      >>> found.value.tolist(), found.standard_error.tolist()
      ([3.0, -4.0], [0.0, 0.0])
    """
    check_operator(op)
    check_key(key)
    check_count(num_matvecs, "num_matvecs")
    check_count(num_deflated, "num_deflated", 0)
    n = op.shape[0]
    if num_deflated >= min(num_matvecs, n):
        raise ValueError(
            f"`num_deflated` must be less than `num_matvecs` and the {n} rows; got {num_deflated} of "
            f"{num_matvecs}."
        )
    expect(num_matvecs)
    krylov, inside = None, jnp.zeros(n, op.dtype)
    if num_deflated:
        krylov = Krylov(op, key)
        krylov.extend(num_deflated)
        inside = _known_diagonal(krylov)
    count = num_matvecs - num_deflated
    mean = squares = jnp.zeros(n, op.dtype)
    for done in range(0, count, CHUNK):
        size = min(CHUNK, count - done)
        products = _products(op, jax.random.fold_in(key, KEY_PROBES), done, size, krylov)
        mean, squares = _welford(mean, squares, products, float(done))
    if not bool(jnp.isfinite(mean).all()):
        probes.check_products(np.asarray(mean))
    error = jnp.sqrt(squares / (count - 1) / count) if count > 1 else jnp.full(n, jnp.nan, op.dtype)
    return Diagonal(
        trees.unravel(op.space, inside + mean), trees.unravel(op.space, error), num_matvecs
    )


def _products(op, key, first, count, krylov):
    signs = probes.rademacher(key, first, count, op.shape[0], op.dtype)
    if krylov is None:
        return signs * op.block_product(signs)
    rest = krylov.project_out(op.block_product(krylov.project_out(signs)))
    return signs * rest


@jax.jit
def _welford(mean, squares, rows, done):
    """Joins `rows` to the mean and the sum of squared deviations of the `done` rows before them."""
    count = len(rows)
    own = jnp.mean(rows, axis=0)
    shift = own - mean
    total = done + count
    squares = squares + jnp.sum((rows - own[None]) ** 2, axis=0)
    return mean + shift * (count / total), squares + shift**2 * (done * count / total)


def _known_diagonal(krylov: Krylov) -> jax.Array:
    rule, rows = krylov.rule, krylov.rows
    padding = len(rows) - len(rule.alphas)
    alphas = np.pad(rule.alphas, (0, padding))
    betas = np.pad(rule.betas, (0, padding - 1))
    return _tridiagonal_diagonal(*(jnp.asarray(x, rows.dtype) for x in (alphas, betas)), rows)


# The diagonal of H - (I - P) H (I - P) = Q' T Q + beta (q e' + e q').
@jax.jit
def _tridiagonal_diagonal(alphas, betas, rows):
    own = jnp.einsum("k,ki,ki->i", alphas, rows, rows, precision=trees.HIGHEST)
    coupled = jnp.einsum("k,ki,ki->i", betas, rows[:-1], rows[1:], precision=trees.HIGHEST)
    return own + 2 * coupled

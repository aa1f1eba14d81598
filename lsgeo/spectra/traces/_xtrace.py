"""XTrace, with a standard error that counts the correlation of its samples."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

from lsgeo import trees
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.krylov import probes


def xtrace(op: LinearOperator, key: jax.Array, num_matvecs: int) -> Estimate:
    """Estimates the trace by leaving out one probe at a time (Epperly, Tropp and Webber 2024, section 2).

    Of m probes w_i with range Q of their images, sample t_i is the exact trace on the range without probe
    i plus that probe's estimate of the rest. The paper takes the samples as independent; their correlation
    makes its intervals cover 80-92 % at nominal 95 %. Let t_ij be the sample of probe i where the range does
    without j as well, and d_ij = t_i - t_ij. Given all other probes t_i and t_ij are both unbiased, so that
    cov(t_i, t_j) = E[d_ij d_ji]: the covariance is known without bias and without further products.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products to spend, two for each probe.

    Returns:
      Estimate of tr(op).
    """
    half = num_matvecs // 2
    signs = probes.rademacher(key, 0, half, op.shape[0], op.dtype)
    images = op.block_product(signs)
    probes.check_products(np.asarray(images.sum()))
    basis, triangle = orthonormal_rows(images)
    parts = _projections(signs, basis, op.block_product(basis))
    small = [np.asarray(part, np.float64) for part in (triangle, *parts)]
    samples, pairs = _samples(*small, float(jnp.finfo(op.dtype).eps))
    moved = samples[:, None] - pairs  # d_ij
    covariance = np.sum(moved * moved.T) / (half * (half - 1))
    spread = samples.var(ddof=1) / half
    # The covariance is not negative; its estimate can be.
    error = np.sqrt(spread + max(covariance, 0.0))
    bias = probes.rounding(op, np.asarray(probes.row_norms(images)), np.diag(small[1]))
    return Estimate(
        float(samples.mean()), float(error), 2 * half, probes.degrees_of_freedom(samples), bias
    )


@jax.jit
def orthonormal_rows(rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Factors rows' = basis' @ triangle, with orthonormal rows in `basis`."""
    scale = jnp.max(jnp.abs(rows))
    scale = jnp.where(scale > 0, scale, 1)
    basis, triangle = jnp.linalg.qr((rows / scale).T)
    return basis.T, triangle * scale


@jax.jit
def _projections(signs, basis, again):
    def product(a, b):
        return jnp.matmul(a, b.T, precision=trees.HIGHEST)

    return product(again, basis), product(basis, signs), product(again, signs)


def _samples(triangle, projected, overlaps, images, eps):
    """The samples t_i, shape [m], and t_ij, shape [m, m]; row i's diagonal repeats t_i."""
    lost = _lost_directions(triangle, eps)
    own = np.einsum("ji,ji->i", overlaps, triangle)  # w_i' H w_i
    symmetric = (projected + projected.T) / 2
    samples, pairs = np.empty_like(own), np.empty_like(projected)
    for i, gone in enumerate(lost.T):
        x = overlaps[:, i] - gone * (gone @ overlaps[:, i])
        inside = np.trace(symmetric) - gone @ symmetric @ gone
        samples[i] = inside + own[i] + x @ (symmetric @ x - 2 * images[:, i])
        also = _orthonormal_to(gone, lost)
        xs = x[:, None] - also * (x @ also)
        rest = np.sum(xs * (symmetric @ xs - 2 * images[:, [i]]), axis=0)
        pairs[i] = inside - np.sum(also * (symmetric @ also), axis=0) + own[i] + rest
        pairs[i, i] = samples[i]
    return samples, pairs


# Without probe i the range loses one direction: the unit column i of the inverse transposed triangle.
def _lost_directions(triangle, eps):
    # An operator of low rank leaves zeros on the diagonal: any direction may then stand for the lost one.
    diagonal = np.abs(np.diag(triangle))
    floor = eps * diagonal.max() or 1.0
    regular = triangle + np.diag(np.where(diagonal < floor, floor, 0.0))
    inverse = linalg.solve_triangular(regular, np.eye(len(regular)), trans=1)
    return inverse / np.linalg.norm(inverse, axis=0)


def _orthonormal_to(direction, columns):
    for _ in range(2):
        columns = columns - np.outer(direction, direction @ columns)
        sizes = np.linalg.norm(columns, axis=0)
        columns = columns / np.where(sizes > 0, sizes, 1.0)
    return columns

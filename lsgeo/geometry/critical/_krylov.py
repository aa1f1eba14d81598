"""The Krylov space of a Hessian and a gradient: the steps that Newton's methods take in it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators import LinearOperator
from lsgeo.spectra.krylov import lanczos
from lsgeo.spectra.krylov.basis import sweep_rows

FIRST_LOOK = 16  # steps before the residual is looked at, which is again after each doubling


@dataclasses.dataclass(frozen=True)
class Krylov:
    """Orthonormal vectors that start at a vector's direction, and the operator's coefficients in them.

    With V the first m rows of `basis`, op V' is V' and one vector more times the tridiagonal `coefficients`;
    the vector itself is `size` times the first row.
    """

    basis: jax.Array  # (at least m, n)
    size: float
    coefficients: np.ndarray  # (m + 1, m); the last row is zero where the space is invariant
    num_matvecs: int

    @property
    def matrix(self) -> np.ndarray:
        """The operator in the space: V op V', [m, m]."""
        return self.coefficients[:-1]

    def combine(self, weights: np.ndarray) -> jax.Array:
        """Returns the vector V' weights, shape [n]."""
        padded = np.zeros(len(self.basis), self.basis.dtype)
        padded[: len(weights)] = weights
        return _combine(padded, self.basis)


def krylov(
    op: LinearOperator, vector: jax.Array, size: float, num_steps: int, *, tol: float | None = None
) -> Krylov:
    """Builds the space by Lanczos with full orthogonalisation, until it is invariant.

    A step is one compiled call, and its coefficients stay on the device until the next look.

    Args:
      op: symmetric operator on [n].
      vector: [n], not zero.
      size: its norm.
      num_steps: products at most.
      tol: also ends where the least residual in the space is no more than this share of `size`.
    """
    count = min(num_steps, op.shape[0])
    basis = _start(vector, np.asarray(size, op.dtype), count + 1)
    scale, pieces, done, look = jnp.zeros((), op.dtype), [], 0, FIRST_LOOK
    while done < count:
        for step in range(done, min(look, count)):
            basis, coefficients, scale = _step(op, basis, step, scale)
            pieces.append(coefficients)
        done, look = len(pieces), 2 * look
        alphas, betas = np.asarray(jax.device_get(pieces), np.float64).T
        lanczos.check_finite(alphas.sum(), betas.sum(), done)
        broken = np.flatnonzero(betas == 0)
        m = int(broken[0]) + 1 if len(broken) else done
        space = Krylov(basis, size, _tridiagonal(alphas[:m], betas[:m]), done)
        if len(broken) or (tol is not None and minimal_residual(space, 0.0)[1] <= tol * size):
            break
    return space


def minimal_residual(space: Krylov, noise: float) -> tuple[np.ndarray, float, float]:
    """Solves min ||op p + vector|| over p in the space, the shortest p where several do.

    That is the iterate of MINRES (Paige and Saunders 1975); where the space is invariant and the
    system has no solution it is the pseudo-inverse's, as that of MINRES-QLP (Choi, Paige and Saunders 2011).

    Args:
      space: the Krylov space of op and the vector.
      noise: singular values within this share of the largest count as zero.

    Returns:
      Weights [m] of p, ||op p + vector||, and <op p, vector>, which is never positive.
    """
    right = np.zeros(len(space.coefficients))
    right[0] = -space.size
    weights = np.linalg.lstsq(space.coefficients, right, rcond=noise)[0]
    image = space.coefficients @ weights
    return weights, float(np.linalg.norm(image - right)), float(image[0] * space.size)


def _tridiagonal(alphas, betas):
    m = len(alphas)
    matrix, i = np.zeros((m + 1, m)), np.arange(m)
    matrix[i, i], matrix[i + 1, i] = alphas, betas
    matrix[i[:-1], i[1:]] = betas[:-1]
    return matrix


@functools.partial(jax.jit, static_argnums=2)
def _start(vector, size, rows):
    return jnp.zeros((rows, len(vector)), vector.dtype).at[0].set(vector / size)


def _step(op, basis, step, scale):
    if op.traceable:
        return _whole_step(op, basis, step, scale)
    return _rest_of_step(op.flat_product(_row(basis, step)), basis, step, scale)


def _extended(product, basis, step, scale):
    # Rows that are not reached yet are zero, and so are all after a breakdown.
    alpha = jnp.vdot(basis[step], product, precision=trees.HIGHEST)
    w = product
    for _ in range(2):
        w, _ = sweep_rows(basis, w)
    beta = trees.norm(w)
    scale = jnp.maximum(scale, jnp.abs(alpha) + beta)
    broken = beta <= lanczos.BREAKDOWN * jnp.finfo(w.dtype).eps * scale
    beta = jnp.where(broken, 0, beta)
    basis = basis.at[step + 1].set(jnp.where(broken, 0, w / jnp.where(broken, 1, beta)))
    return basis, jnp.stack([alpha, beta]), scale


@functools.partial(jax.jit, donate_argnums=1)
def _whole_step(op, basis, step, scale):
    w = trees.ravel(op.space, op.matvec(trees.unravel(op.space, basis[step])))
    return _extended(w, basis, step, scale)


_rest_of_step = jax.jit(_extended, donate_argnums=1)
_row = jax.jit(lambda basis, i: basis[i])


@jax.jit
def _combine(weights, basis):
    return jnp.matmul(weights, basis, precision=trees.HIGHEST)

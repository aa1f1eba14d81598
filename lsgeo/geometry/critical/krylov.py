"""The Krylov space of a Hessian and a gradient: the steps that Newton's methods take in it."""

import dataclasses

import jax
import numpy as np

from lsgeo.operators import LinearOperator
from lsgeo.spectra import lanczos

EVERY = 8  # steps between two looks at the residual, each of which solves a small system


@dataclasses.dataclass(frozen=True)
class Krylov:
    """Orthonormal vectors that start at a vector's direction, and the operator's coefficients in them.

    With V the m vectors, op V is V and one vector more times the tridiagonal `coefficients`; the vector itself
    is `size` times the first one.
    """

    vectors: lanczos.bases.Basis
    size: float
    coefficients: np.ndarray  # (m + 1, m); the last row is zero where the space is invariant

    @property
    def num_steps(self) -> int:
        return self.coefficients.shape[1]

    @property
    def matrix(self) -> np.ndarray:
        """The operator in the space: V' op V, [m, m]."""
        return self.coefficients[:-1]

    def combine(self, weights: np.ndarray) -> jax.Array:
        """Returns the vector weights [m] @ V, shape [n]."""
        padded = np.zeros((1, self.vectors.count))
        padded[0, : len(weights)] = weights
        return self.vectors.combine(padded)[0]


def krylov(
    op: LinearOperator, vector: jax.Array, size: float, num_steps: int, *, tol: float | None = None
) -> Krylov:
    """Builds the space by Lanczos with full orthogonalisation, until it is invariant.

    Args:
      op: symmetric operator on [n].
      vector: [n], not zero.
      size: its norm.
      num_steps: products at most.
      tol: also ends where the least residual in the space is no more than this share of `size`.
    """
    basis = lanczos.bases.make("device", op.shape[0], op.dtype)
    previous, current = None, lanczos.divided(vector, size)
    basis.append(current)
    alphas, betas = [], []
    for step in range(min(num_steps, op.shape[0])):
        rest = lanczos.orthogonalised(
            basis, op.flat_product(current), current, previous, betas[-1] if betas else 0.0
        )
        alphas.append(rest.alpha + rest.overlaps[step])
        lanczos.check_finite(alphas[-1], rest.norm, step)
        scale = lanczos.norm_of(alphas, [*betas, rest.norm])
        if lanczos.is_breakdown(rest.norm, scale, op.dtype):
            betas.append(0.0)
            break
        betas.append(rest.norm)
        previous, current = current, lanczos.divided(rest.vector, rest.norm)
        basis.append(current)
        if tol is not None and (step + 1) % EVERY == 0:
            built = Krylov(basis, size, _coefficients(alphas, betas))
            if minimal_residual(built, 0.0)[1] <= tol * size:
                break
    return Krylov(basis, size, _coefficients(alphas, betas))


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


def _coefficients(alphas, betas):
    m = len(alphas)
    matrix, i = np.zeros((m + 1, m)), np.arange(m)
    matrix[i, i], matrix[i + 1, i] = alphas, betas
    matrix[i[:-1], i[1:]] = betas[:-1]
    return matrix

"""Quadrature with a prescribed node."""

import numpy as np
from scipy import linalg


def radau(alphas: np.ndarray, betas: np.ndarray, node: float) -> tuple[np.ndarray, np.ndarray]:
    """The Gauss-Radau rule with one node prescribed (Golub 1973), from k Lanczos steps.

    Args:
      alphas: diagonal of T, [k].
      betas: off-diagonal of T, [k]; the last couples to the vector after the last.
      node: the prescribed node; it may lie inside the spectrum, but on no eigenvalue of T.

    Returns:
      Nodes, ascending, and weights, each [k + 1]; exact for polynomials up to degree 2k.
    """
    unit = np.zeros(len(alphas))
    unit[-1] = 1.0
    banded = np.zeros((3, len(alphas)))
    banded[0, 1:] = banded[2, :-1] = betas[:-1]
    banded[1] = alphas - node
    try:
        last = node + betas[-1] ** 2 * linalg.solve_banded((1, 1), banded, unit)[-1]
    except linalg.LinAlgError:  # the node is a Ritz value: Gauss's rule has it already
        last = np.inf
    if not np.isfinite(last):
        values, vectors = linalg.eigh_tridiagonal(alphas, betas[:-1])
    else:
        values, vectors = linalg.eigh_tridiagonal(np.append(alphas, last), betas)
    return values, vectors[0] ** 2

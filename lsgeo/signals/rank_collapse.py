"""Rank collapse: do all tokens become the same vector?"""

import numpy as np


def rank_one_residual(tokens: np.ndarray) -> np.ndarray:
    """How far each example's tokens are from all being equal.

    ||X - 1 m'||_F / ||X||_F with m the mean token, between 0 (rank one, all tokens equal) and 1. Pure
    attention drives it to zero doubly exponentially in depth; skip connections and MLPs prevent that
    (Dong et al. 2021, theorem 2.2, there in the norm sqrt(||.||_1 ||.||_inf)).

    Args:
      tokens: streams of N examples, [N, T, C].

    Returns:
      [N].

    >>> rank_one_residual(np.ones((1, 3, 2))).tolist()
    [0.0]
    """
    tokens = np.asarray(tokens, np.float64)
    if tokens.ndim != 3:
        raise ValueError(f"`tokens` must have the shape [N, T, C]; got {tokens.shape}.")
    apart = tokens - tokens.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.linalg.norm(apart, axis=(1, 2)) / np.linalg.norm(tokens, axis=(1, 2))

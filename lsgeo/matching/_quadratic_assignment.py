"""Permutations that make linear and quadratic functions of them large."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment


def best_assignment(scores: np.ndarray) -> np.ndarray:
    """Returns the q that makes the sum of scores[i, q[i]] largest, exactly."""
    return linear_sum_assignment(scores, maximize=True)[1]


def relaxed_assignment(
    gradient: Callable[[np.ndarray], np.ndarray], start: np.ndarray, *, max_steps: int = 50
) -> np.ndarray:
    """Returns a q that makes a quadratic function f(P), P[i, q[i]] = 1, large.

    Frank and Wolfe's method on the doubly stochastic matrices, then the nearest permutation (the "FAQ" of
    Vogelstein et al. 2015). SciPy's `quadratic_assignment` takes f = trace(A P B' P') for one A and B; here
    f is a sum over the weights of a network.

    Args:
      gradient: gradient(P) -> df/dP [n, n], affine in P.
      start: doubly stochastic matrix [n, n].
      max_steps: steps, each with one gradient.
    """
    p, slope = start, gradient(start)
    for _ in range(max_steps):
        corner = np.eye(len(p))[best_assignment(slope)]
        step = corner - p
        first = np.vdot(slope, step)
        if first <= 1e-9 * np.linalg.norm(slope):
            break
        slope_there = gradient(corner)
        last = np.vdot(slope_there, step)
        # f is quadratic on the segment, with slopes `first` > 0 and `last`.
        share = 1.0 if last >= 0 else first / (first - last)
        p, slope = p + share * step, slope + share * (slope_there - slope)
    return best_assignment(p)

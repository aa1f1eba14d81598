"""What is known beforehand of v'f(H)v for v uniform on the unit sphere of R^n.

The squared components of v in the eigenbasis of H follow the Dirichlet distribution with all parameters
1/2. So one probe's share in a spectral subspace of dimension m follows Beta(m / 2, (n - m) / 2) exactly, and
v'f(H)v has mean m1 and variance 2 / (n + 2) times the variance of f over the spectrum. Intervals built on
these laws need no spread over probes: one probe is enough.
"""

import math

import numpy as np
from scipy import special, stats

ROUNDING = 1e-11  # a share under this may be the rounding of sums to 1


def fraction_bounds(
    lower: np.ndarray, upper: np.ndarray, *, size: int, num_probes: int, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Inverts the law of a mean share for the fraction of eigenvalues (Clopper and Pearson 1934).

    The mean over K probes has mean p and variance 2 p (1 - p) / ((n + 2) K); the Beta distribution with these
    two moments is exact for K = 1, and its skewness is right to a relative 2 / n for every K.

    Args:
      lower: mean over probes of what each probe's share is at least, any shape.
      upper: mean over probes of what it is at most.
      size: n.
      num_probes: K.
      confidence: probability that the bounds hold together.

    Returns:
      (low, high) for the fraction, of the shape of `lower`.
    """
    total = num_probes * (size / 2 + 1) - 1
    tail = (1 - confidence) / 2
    low = _least_fraction(np.asarray(lower, np.float64), total, tail)
    high = 1 - _least_fraction(1 - np.asarray(upper, np.float64), total, tail)
    return low, high


def count_bounds(low: float, high: float, size: int, certain: int) -> tuple[int, int]:
    """Bounds a number of eigenvalues by bounds on their fraction, and from below by `certain`."""
    lower = max(certain, math.ceil(size * low * (1 - 1e-9)))
    return lower, max(lower, math.floor(size * high * (1 + 1e-9)))


def _least_fraction(share, total, tail):
    # The fraction under which a share as large as this one has probability `tail`, by bisection.
    share = np.clip(share, 0, 1)
    low, high = np.zeros(share.shape), np.ones(share.shape)
    for _ in range(60):
        middle = (low + high) / 2
        exceeds = special.betaincc(middle * total, (1 - middle) * total, share) > tail
        low, high = np.where(exceeds, low, middle), np.where(exceeds, middle, high)
    return np.where(share > ROUNDING, low, 0)


def standard_error(variance: float, size: int, num_probes: int) -> float:
    """Standard error of a mean of v'f(H)v, for the variance of f over the spectrum."""
    return math.sqrt(2 * max(variance, 0.0) / ((size + 2) * num_probes))


def quantile(second: float, fourth: float, size: int, num_probes: int, confidence: float) -> float:
    """Student's quantile for a variance over the spectrum that is itself estimated from the probes.

    The degrees of freedom are Satterthwaite's, num_probes * n * m2^2 / m4: about num_probes for each
    eigenvalue that contributes, so that a sum that one outlier dominates gets a wide interval.

    Args:
      second: second central moment of f over the spectrum.
      fourth: fourth central moment.
      size: n.
      num_probes: K.
      confidence: two-sided.
    """
    freedom = num_probes * size * second**2 / fourth if fourth > 0 else np.inf
    return float(stats.t.ppf(0.5 + confidence / 2, max(freedom, 1e-3)))


def missed(
    size: int, num_steps: int, seen_range: float, probability: float, num_starts: int = 1
) -> float:
    """How far beyond the extreme Ritz values the spectrum may reach on either side, but for `probability`.

    Kuczynski and Wozniakowski 1992, Theorem 4.2: k Lanczos steps from a random start miss an end by more
    than epsilon times the range with probability at most 1.648 sqrt(n) exp(-(2k - 1) sqrt(epsilon)).
    Independent starts miss it together with the product of these. The range is itself seen only up to what
    is missed at both ends, so each end has half the probability.

    Args:
      size: n.
      num_steps: k, from each start.
      seen_range: distance of the extreme Ritz values, over all starts.
      probability: that either end lies farther out.
      num_starts: independent random starts.

    Returns:
      The margin on each side, in the units of `seen_range`; inf where too few steps were taken to say.
    """
    each = (probability / 2) ** (1 / num_starts)
    root = math.log(1.648 * math.sqrt(size) / each) / (2 * num_steps - 1)
    epsilon = max(root, 0.0) ** 2
    return epsilon * seen_range / (1 - 2 * epsilon) if epsilon < 0.5 else math.inf

"""How the angle between two inputs changes from block to block: theory of wide random networks."""

import numpy as np
from numpy.polynomial import hermite_e

_NODES, _WEIGHTS = hermite_e.hermegauss(101)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_GRID = np.linspace(-30, 30, 6001)


def relu_correlations(
    correlation: float, num_blocks: int, *, branch_variance: float = np.inf
) -> np.ndarray:
    """Iterates the correlation of two inputs through wide He-initialised ReLU blocks.

    kappa(c) = (sqrt(1 - c^2) + c (pi - arccos c)) / pi (Cho and Saul 2009); a plain block maps c to
    kappa(c), a residual block to (1 - p) c + p kappa(c) with p = a^2 / (1 + a^2).

    Args:
      correlation: of the inputs, between -1 and 1.
      num_blocks: number of blocks, L.
      branch_variance: a^2, the branch's variance over the stream's; infinite for plain blocks.

    Returns:
      Correlations after 0 ... L blocks.

    >>> relu_correlations(0.0, 1).round(4).tolist()
    [0.0, 0.3183]
    """
    if not -1 <= correlation <= 1:
        raise ValueError(f"`correlation` must lie between -1 and 1; got {correlation}.")
    if not branch_variance >= 0:
        raise ValueError(f"`branch_variance` must be at least 0; got {branch_variance}.")
    p = 1.0 if np.isinf(branch_variance) else branch_variance / (1 + branch_variance)
    values = [float(correlation)]
    for _ in range(num_blocks):
        c = values[-1]
        kappa = (np.sqrt(max(0.0, 1 - c * c)) + c * (np.pi - np.arccos(c))) / np.pi
        values.append(min(1.0, (1 - p) * c + p * kappa))
    return np.array(values)


def tanh_gradient_growth(num_blocks: int, weight_variance: float, *, skip: bool) -> np.ndarray:
    """Logarithm of the mean-field growth of the squared gradient norm through tanh blocks.

    Variance q of the stream: q <- [q +] s E[tanh(sqrt(q) z)^2], gain of the squared gradient through a
    block: [1 +] s E[tanh'(sqrt(q) z)^2], s the weight variance, z standard normal; without skips the
    logarithm is linear in depth, with them it grows like (8/3) / sqrt(2 pi) sqrt(s L) (Yang and
    Schoenholz 2017).

    Args:
      num_blocks: number of blocks, L.
      weight_variance: s = sigma_w^2, variance of the weights times the width.
      skip: whether x + W tanh(x) or W tanh(x).

    Returns:
      log of the product of the gains after 0 ... L blocks, from q = 1.
    """
    if not weight_variance > 0:
        raise ValueError(f"`weight_variance` must be positive; got {weight_variance}.")
    q, logs = 1.0, [0.0]
    for _ in range(num_blocks):
        slope, square = _tanh_means(q)
        logs.append(logs[-1] + np.log(skip + weight_variance * slope))
        q = skip * q + weight_variance * square
    return np.array(logs)


def _tanh_means(q):
    # E[tanh'(sqrt(q) z)^2] and E[tanh(sqrt(q) z)^2].
    if q < 1:
        u, weights = np.sqrt(q) * _NODES, _WEIGHTS
    else:
        # Both integrands decay with u = sqrt(q) z itself: there Hermite nodes lie too far apart.
        u = _GRID
        weights = np.exp(-(u**2) / (2 * q)) * ((u[1] - u[0]) / np.sqrt(2 * np.pi * q))
    slope = 1 / np.cosh(u) ** 2
    return weights @ slope**2, 1 - weights @ slope if q >= 1 else weights @ np.tanh(u) ** 2

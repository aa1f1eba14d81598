"""Means of functions over a spectrum, and the share of its negative mass, with their intervals."""

import numpy as np

from lsgeo.checks import check_fraction
from lsgeo.interval import Estimate, bracketed
from lsgeo.spectra.densities import _brackets
from lsgeo.spectra.krylov import _spherical


def mean(density, function, confidence: float) -> Estimate:
    """Estimates tr f(H) / n from the nodes; the interval holds the spread over probes alone."""
    check_fraction(confidence, "confidence")
    samples = function(np.asarray(density.nodes, np.float64))
    unit = np.abs(samples).max() or 1.0
    weights = density.weights / len(density.weights)
    value = np.sum(weights * (samples / unit))
    second, fourth = (np.sum(weights * (samples / unit - value) ** k) for k in (2, 4))
    probes, size = len(samples), density.size
    error = _spherical.standard_error(second, size, probes)
    width = _spherical.quantile(second, fourth, size, probes, confidence) * error if error else 0.0
    value, error, width = (float(unit * part) for part in (value, error, width))
    return bracketed(value, error, density.num_matvecs, value - width, value + width, confidence)


def negative_mass(density, confidence: float) -> Estimate:
    """Estimates the share of sum |lambda| below zero; see SpectralDensity.negative_mass."""
    check_fraction(confidence, "confidence")
    rules = density.rules()
    unit = np.abs(density.nodes).max() or 1.0
    nodes = np.where(np.abs(density.nodes) > density.noise, density.nodes / unit, 0.0)
    weights = density.weights / len(density.weights)
    down, up = np.maximum(-nodes, 0), np.maximum(nodes, 0)
    below, above = np.sum(weights * down), np.sum(weights * up)
    if not below + above:
        return bracketed(0.0, 0.0, density.num_matvecs, 0.0, 0.0, confidence)
    value = below / (below + above)
    difference = down * (1 - value) - up * value  # of mean zero at the true ratio
    second, fourth = (np.sum(weights * difference**k) for k in (2, 4))
    error = _spherical.standard_error(second, density.size, len(rules)) / (below + above)
    student = _spherical.quantile(second, fourth, density.size, len(rules), confidence)
    spread = student * _spherical.standard_error(1.0, density.size, len(rules))
    spread /= np.hypot(1, spread)  # the variance is about the mean, the moments below about zero
    squares = np.sum(weights * down**2), np.sum(weights * up**2)
    sides = np.mean([_brackets.negative_part(one, density.noise) for one in rules], axis=0) / unit
    # Each probe knows its mean, so that the positive part follows from the negative.
    surplus = above - below
    ends = [_ratios(side, max(side + surplus, 0.0), squares, spread) for side in sides]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return bracketed(float(value), float(error), density.num_matvecs, low, high, confidence, 1.0)


def _ratios(below, above, squares, spread):
    """The r in [0, 1] where |below (1 - r) - above r| is `spread` times its standard deviation."""
    total = below + above
    if not np.isfinite(total):
        return 0.0, 1.0
    a = total**2 - spread**2 * (squares[0] + squares[1])
    b = below * total - spread**2 * squares[0]
    c = below**2 - spread**2 * squares[0]
    if a <= 0:
        return 0.0, 1.0
    root = np.sqrt(max(b**2 - a * c, 0.0))
    return float(np.clip((b - root) / a, 0, 1)), float(np.clip((b + root) / a, 0, 1))

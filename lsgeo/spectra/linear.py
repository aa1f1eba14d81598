"""Means of functions over a spectrum, and the share of its negative mass, with their intervals."""

import numpy as np

from lsgeo.spectra import brackets, spherical, tails
from lsgeo.spectra.arguments import check_fraction
from lsgeo.spectra.interval import Interval


def mean(density, function, confidence: float) -> Interval:
    """Estimates tr f(H) / n from the nodes; the interval holds the spread over probes alone."""
    check_fraction(confidence, "confidence")
    samples = function(np.asarray(density.nodes, np.float64))
    unit = np.abs(samples).max() or 1.0
    weights = density.weights / len(density.weights)
    value = np.sum(weights * (samples / unit))
    second, fourth = (np.sum(weights * (samples / unit - value) ** k) for k in (2, 4))
    probes, size = len(samples), density.size
    error = spherical.standard_error(second, size, probes)
    width = spherical.quantile(second, fourth, size, probes, confidence) * error if error else 0.0
    value, error, width = (float(unit * part) for part in (value, error, width))
    return Interval(value, error, density.num_matvecs, value - width, value + width, confidence)


def negative_mass(density, confidence: float) -> Interval:
    """Estimates the share of sum |lambda| below zero; see SpectralDensity.negative_mass."""
    check_fraction(confidence, "confidence")
    rules = density.rules()
    unit = np.abs(density.nodes).max() or 1.0
    nodes = np.where(np.abs(density.nodes) > density.noise, density.nodes / unit, 0.0)
    weights = density.weights / len(density.weights)
    down, up = np.maximum(-nodes, 0), np.maximum(nodes, 0)
    below, above = np.sum(weights * down), np.sum(weights * up)
    if not below + above:
        return Interval(0.0, 0.0, density.num_matvecs, 0.0, 0.0, confidence)
    value = below / (below + above)
    difference = down * (1 - value) - up * value  # of mean zero at the true ratio
    second, fourth = (np.sum(weights * difference**k) for k in (2, 4))
    error = spherical.standard_error(second, density.size, len(rules)) / (below + above)
    # A tenth of the error probability is for the ends of the spectrum, the rest for the spread.
    alpha = 1 - confidence
    student = spherical.quantile(second, fourth, density.size, len(rules), 1 - 0.9 * alpha)
    spread = student * spherical.standard_error(1.0, density.size, len(rules))
    spread /= np.hypot(1, spread)  # the variance is about the mean, the moments below about zero
    reach = tails.unseen_margin(density, 0.1 * alpha)
    downs = np.mean([_mass_below_zero(one, reach, density.noise) for one in rules], axis=0) / unit
    mirrored = [brackets.mirror(one) for one in rules]
    ups = np.mean([_mass_below_zero(one, reach, density.noise) for one in mirrored], axis=0) / unit
    squares = np.sum(weights * down**2), np.sum(weights * up**2)
    low = _ratios(downs[0], ups[1], squares, spread)[0]
    high = _ratios(downs[1], ups[0], squares, spread)[1]
    return Interval(float(value), float(error), density.num_matvecs, low, high, confidence)


def _mass_below_zero(found, reach, noise):
    """Bounds the mean of max(-lambda, 0): the integral of the distribution up to zero."""
    nodes, weights, exact = found
    if exact:
        mass = np.sum(weights * np.where(nodes < -noise, -nodes, 0))
        return mass, mass
    starts, ends = nodes, np.append(nodes[1:], np.inf)
    sums = np.concatenate([[0.0], np.cumsum(weights), [1.0]])
    below = np.maximum(np.minimum(ends, -noise) - starts, 0)
    lower = np.sum(sums[: len(nodes)] * below)
    below = np.maximum(np.minimum(ends, 0.0) - starts, 0)
    first = max(min(nodes[0], 0.0) - (nodes[0] - reach), 0.0)
    return lower, np.sum(sums[2:] * below) + weights[0] * first


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

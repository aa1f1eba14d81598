"""The ends of a spectrum out of a density: extreme eigenvalues and the number of outliers."""

import math

import numpy as np

from lsgeo.checks import check_fraction
from lsgeo.interval import Estimate, bracketed
from lsgeo.spectra.densities import _brackets
from lsgeo.spectra.krylov import _spherical


def largest(density, confidence: float) -> Estimate:
    """Brackets the largest eigenvalue; see SpectralDensity.largest."""
    return _end(density, np.max, -density.noise, _reach(density, confidence), confidence)


def smallest(density, confidence: float) -> Estimate:
    """Brackets the smallest eigenvalue; see SpectralDensity.smallest."""
    return _end(density, np.min, -_reach(density, confidence), density.noise, confidence)


def _end(density, extreme, below, above, confidence):
    value = float(extreme(density.nodes))
    ends = value + below, value + above
    return bracketed(value, math.nan, density.num_matvecs, *ends, confidence)


def _reach(density, confidence):
    check_fraction(confidence, "confidence")
    if any(one.exact for one in density.rules()):
        return density.noise  # a probe that ended early has met every distinct eigenvalue
    (probes, steps), seen = density.nodes.shape, float(np.ptp(density.nodes))
    missed = _spherical.missed(density.size, steps, seen, 1 - confidence, probes)
    return missed + density.noise


def count_above(density, x: float, confidence: float) -> Estimate:
    """Counts the eigenvalues > x; see SpectralDensity.count_above."""
    return _count(density, density.rules(), x, confidence)


def count_below(density, x: float, confidence: float) -> Estimate:
    """Counts the eigenvalues < x; see SpectralDensity.count_below."""
    return _count(density, [_brackets.mirror(one) for one in density.rules()], -x, confidence)


def _count(density, rules, x, confidence):
    check_fraction(confidence, "confidence")
    if not density.orthogonal:
        raise ValueError(
            "`density` was made without a stored basis, so that outlying nodes come in copies and cannot be "
            'counted. Make it with basis="device" or "host", or take `fraction_within`.'
        )
    point = np.array([x], np.float64)
    size, noise = density.size, density.noise
    sides = np.mean([_brackets.bounds(one, point, noise) for one in rules], axis=0)[:, 0]
    low, high = _spherical.fraction_bounds(
        1 - sides[1], 1 - sides[0], size=size, num_probes=len(rules), confidence=confidence
    )
    # Ritz values interlace the eigenvalues, so there are at least as many of these beyond x.
    certain = max(int(np.sum(one.nodes > x + noise)) for one in rules)
    seen = max(int(np.sum(one.nodes > x)) for one in rules)
    lower, upper = _spherical.count_bounds(float(low), float(high), size, certain)
    resolved = size * (sides[1] - sides[0]) < 0.5
    share = 1 - np.mean([_brackets.shares(one, point, strict=False) for one in rules])
    value = max(seen, lower) if resolved else round(size * float(share))
    value = min(max(value, lower), upper)
    return bracketed(
        float(value),
        math.nan,
        density.num_matvecs,
        float(lower),
        float(upper),
        confidence,
        float(size),
    )

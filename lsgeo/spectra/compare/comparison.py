"""The distance between two spectra, with a confidence interval over their probes."""

import itertools

import numpy as np
from scipy import stats

from lsgeo.checks import check_fraction, check_one_of
from lsgeo.interval import Estimate, bracketed
from lsgeo.spectra.densities.density import SpectralDensity


def wasserstein_1(
    a: SpectralDensity, b: SpectralDensity, *, scale: str = "none", confidence: float = 0.95
) -> Estimate:
    """Measures how far apart two spectra are: the Wasserstein-1 distance, the integral of |F_a - F_b|.

    In the units of the operators it is the mean distance over which eigenvalues have to move to turn one
    spectrum into the other. The integral over the step functions is exact. The interval comes from leaving out
    one probe at a time (Efron and Stein 1981): probe i of both where they have equally many, because two
    densities made with the same key share their probes, and most of the noise then cancels in the difference;
    otherwise of each in turn.

    The estimate is biased upwards, and at equality it is all noise. So the lower end takes the jackknife's
    estimate of the bias off, and is 0 where the distance is less than the integral of the pointwise half
    widths of F_a - F_b. Nominal 95 % intervals covered in 91 to 100 % of 200 keys, least where a few far
    outliers make the distance. The interval covers the spread over probes, not what `num_steps` cannot resolve:
    give both densities enough steps for their moments to fix the shape that matters.

    Args:
      a: one spectrum, from `spectral_density`.
      b: the other; the operators may differ in size.
      scale: what both spectra are divided by, each by its own: "none", "trace" (|mean eigenvalue|), "largest"
        (|node| farthest from zero) or "deviation" (standard deviation of the eigenvalues). The last three
        compare shapes, whatever the scale of the loss.
      confidence: probability that the interval covers.

    Returns:
      Estimate; with one probe its ends are 0 and inf.

    Raises:
      ValueError: if an argument is out of range, or a spectrum is to be divided by zero.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, spectral_density, wasserstein_1
      >>> a, b = (
      ...     spectral_density(dense(jnp.diag(jnp.arange(5.0)) + s * jnp.eye(5)), key=jax.random.key(0))
      ...     for s in (0.0, 2.0)
      ... )
      >>> round(wasserstein_1(a, b).value, 4)
      2.0
    """
    for name, density in (("a", a), ("b", b)):
        if not isinstance(density, SpectralDensity):
            raise ValueError(f"`{name}` must be a SpectralDensity; got {type(density).__name__}.")
    check_one_of(scale, "scale", _SCALES)
    check_fraction(confidence, "confidence")
    sides = [_pooled(a, scale, "a"), _pooled(b, scale, "b")]
    left_out = _left_out(a, b, scale)
    everything = [sides, *itertools.chain.from_iterable(left_out)]
    x = np.unique(np.concatenate([nodes for pair in everything for nodes, _ in pair]))
    steps = np.diff(x)
    gap = _gap(sides, x)
    value = float(np.sum(np.abs(gap) * steps))
    error, bias, noise = _jackknife(
        value, [[_gap(p, x) for p in group] for group in left_out], steps
    )
    cost = a.num_matvecs + b.num_matvecs
    if not np.isfinite(error):
        return bracketed(value, error, cost, 0.0, np.inf, confidence)
    quantile = stats.t.ppf(0.5 + confidence / 2, min(len(a.nodes), len(b.nodes)) - 1)
    if value <= quantile * noise:
        return bracketed(value, error, cost, 0.0, float(value + quantile * noise), confidence)
    lower = max(0.0, value - max(bias, 0.0) - quantile * error)
    # The weight of an outlier is skewed to the right; on a logarithmic scale less so.
    upper = value * np.exp(quantile * error / value) if value else 0.0
    return bracketed(value, error, cost, float(lower), float(upper), confidence)


def _pooled(density, scale, name, without=None):
    """Scaled nodes, ascending, and the distribution after each, of all probes but one."""
    keep = np.arange(len(density.nodes)) != without
    nodes, weights = density.nodes[keep].ravel(), density.weights[keep].ravel()
    weights = weights / keep.sum()
    unit = _SCALES[scale](nodes, weights)
    if unit == 0:
        raise ValueError(
            f'`scale` "{scale}" of `{name}` is zero: the spectrum cannot be divided by it. Take another.'
        )
    order = np.argsort(nodes, kind="stable")
    return nodes[order] / unit, np.concatenate([[0.0], np.cumsum(weights[order])])


def _left_out(a, b, scale):
    """Groups of pairs of pooled spectra; the deletions of different groups are independent."""

    def pairs(from_a, from_b):
        return [
            (_pooled(a, scale, "a", i), _pooled(b, scale, "b", j))
            for i, j in zip(from_a, from_b, strict=True)
        ]

    count_a, count_b = len(a.nodes), len(b.nodes)
    if min(count_a, count_b) == 1:
        return []
    if count_a == count_b:
        return [pairs(range(count_a), range(count_a))]
    return [
        pairs(range(count_a), [None] * count_a),
        pairs([None] * count_b, range(count_b)),
    ]


def _gap(pair, x):
    # F_a - F_b between each point and the next.
    sums = [part[1][np.searchsorted(part[0], x[:-1], side="right")] for part in pair]
    return sums[0] - sums[1]


def _jackknife(value, groups, steps):
    """Standard error and bias of the distance, and the integral of the pointwise error of F_a - F_b."""
    if not groups:
        return np.nan, np.nan, np.nan
    variance, bias, pointwise = 0.0, 0.0, np.zeros(len(steps))
    for gaps in groups:
        gaps, factor = np.stack(gaps), len(gaps) - 1
        distances = np.abs(gaps) @ steps
        variance += factor * distances.var()
        bias += factor * (distances.mean() - value)
        pointwise += factor * gaps.var(axis=0)
    return float(np.sqrt(variance)), float(bias), float(np.sqrt(pointwise) @ steps)


_SCALES = {
    "none": lambda nodes, weights: 1.0,
    "trace": lambda nodes, weights: np.abs(np.sum(weights * nodes)),
    "largest": lambda nodes, weights: np.abs(nodes).max(),
    "deviation": lambda nodes, weights: np.sqrt(
        np.sum(weights * (nodes - np.sum(weights * nodes)) ** 2)
    ),
}

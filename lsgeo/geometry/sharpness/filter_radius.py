"""The radius of the basin along random filter-normalised directions."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_fraction, check_key, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._ascent import size
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood
from lsgeo.geometry.surfaces._filters import Rule, filters_of
from lsgeo.geometry.surfaces.directions import scale_to_filters
from lsgeo.results import DoesNotApplyError

SMALLEST, RATIO = 1e-3, 1.25
PRECISION = 1e-3  # relative


@trees.frozen
class FilterRadius:
    """How far the loss stays low along random directions; see `filter_radius`."""

    median: float  # in filter norms
    lower: float
    upper: float
    confidence: float
    radii: np.ndarray  # (num_directions,), infinite beyond `max_radius`
    rise: float
    loss: float  # at the centre
    max_radius: float
    num_evaluations: int
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        beyond = int(np.sum(np.isinf(self.radii)))
        return (
            f"filter-normalised radius {self.median:.4g} in [{self.lower:.4g}, {self.upper:.4g}] (median of "
            f"{len(self.radii)} directions, {beyond} beyond {self.max_radius:g}; "
            f"{100 * self.confidence:g} % confidence; loss + {self.rise:g}; "
            f"{_scalings.describe(self.invariant_under)}; {self.num_evaluations} evaluations)"
        )


@accepts(params=as_params, batch=as_arrays)
def filter_radius(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    rise: float = 0.1,
    num_directions: int = 20,
    max_radius: float = 4.0,
    confidence: float = 0.95,
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> FilterRadius:
    """Finds, along random filter-normalised directions d, the least t with loss(params + t d) >= loss + rise.

    The half width of the one-dimensional slices of Li et al. (2018): at t = 1 every filter has moved by its
    own norm. The loss is evaluated at growing t, each 1.25 times the one before, until it has risen; the
    crossing is then bisected. A wall thinner than that grid can be missed. A loss that is not finite counts
    as risen. The interval of the median over directions is that of the order statistics, which holds for any
    distribution of the radius. On a quadratic with its minimum at params, t = sqrt(2 rise / d'Hd).

    Invariances: layer rescaling and norm-fed weights. Not unit rescaling: a filter of the next layer mixes
    units, so its norm does not follow each of them.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays; filters are read off the loss, see `normalize_direction`.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key; directions of twins are matched as in `filter_normalized_directions`.
      rise: increase of the loss, in its units.
      num_directions: number of directions; an interval at 95 % takes at least 6.
      max_radius: where the search ends.
      confidence: of the interval.
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      FilterRadius, each radius to 1e-3 of its value.

    Raises:
      ValueError: as `average_sharpness`, if the filters of a leaf cannot be told or there are none, or
        if the rise is lost in the rounding of the loss.
    """
    check_key(key)
    for value, name in ((rise, "rise"), (max_radius, "max_radius")):
        check_positive(value, name)
    check_count(num_directions, "num_directions")
    check_fraction(confidence, "confidence")
    at = Neighbourhood(loss, params, batch, batches, count=count)
    if rise <= 4 * at.rounding:
        raise ValueError(
            f"`rise` {rise} is lost in the rounding of the loss {at.centre}, {at.rounding:.1g}. Raise it, or "
            "compute in float64."
        )
    filters = filters_of(at.params, loss, at.first(), axes)
    radii = np.empty(num_directions)
    for i in range(num_directions):
        direction = scale_to_filters(at.normal(jax.random.fold_in(key, i)), at.params, filters)
        if not i and not float(size(direction)):
            raise DoesNotApplyError(
                "`params` have no filter: no leaf of rank 2 or more, not zero, that the loss multiplies with "
                "its data. Say where filters lie with `axes`, or use `pac_bayes_sigma`, which perturbs every "
                "parameter."
            )
        radii[i] = _first_crossing(
            lambda t, d=direction: at.value(d, t) - at.centre, rise, max_radius
        )
    lower, upper = _median_interval(radii, confidence)
    return FilterRadius(
        float(np.median(radii)) if np.isfinite(radii).sum() * 2 > len(radii) else math.inf,
        lower,
        upper,
        confidence,
        radii,
        float(rise),
        at.centre,
        float(max_radius),
        at.num_evaluations,
        (_scalings.LAYERS, _scalings.NORMALIZED),
    )


def _median_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    # Two of positive independent draws enclose the median, whatever the distribution: the k-th smallest of n
    # is above it with the probability that fewer than k of n fair coins fall heads.
    ordered, count = np.sort(values), len(values)
    ranks = np.arange(1, count // 2 + 1)
    fit = ranks[stats.binom.cdf(ranks - 1, count, 0.5) <= (1 - confidence) / 2]
    if not len(fit):
        return 0.0, math.inf
    return float(ordered[fit[-1] - 1]), float(ordered[count - fit[-1]])


def _first_crossing(increase, rise, max_radius):
    low, high = 0.0, min(SMALLEST, max_radius)
    while increase(high) < rise:
        if high >= max_radius:
            return math.inf
        low, high = high, min(high * RATIO, max_radius)
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if increase(middle) < rise else (low, middle)
    return (low + high) / 2

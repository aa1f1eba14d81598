"""The largest noise on the weights that the loss bears: sigma of the PAC-Bayes measures."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from scipy import optimize, stats

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_fraction, check_key, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood
from lsgeo.geometry.sharpness.average import pair_increases
from lsgeo.geometry.surfaces._filters import Rule
from lsgeo.spectra.krylov import probes

START = 0.01
MOST_DOUBLINGS = 60
PRECISION = 1e-3  # relative, of sigma and both ends of its interval
FAR = 50.0  # stands for an infinite logarithm in the search for a root


@trees.frozen
class PACBayesSigma:
    """The noise at which the expected loss has risen by a target; see `pac_bayes_sigma`."""

    sigma: float
    lower: float
    upper: float
    confidence: float
    target: float
    loss: float  # at the centre
    num_evaluations: int
    scaling: str = trees.static()
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"PAC-Bayes sigma {self.sigma:.4g} in [{self.lower:.4g}, {self.upper:.4g}] "
            f"({100 * self.confidence:g} % confidence; loss + {self.target:g}, scaling {self.scaling}; "
            f"{_scalings.describe(self.invariant_under)}; {self.num_evaluations} evaluations)"
        )


@accepts(params=as_params, batch=as_arrays)
def pac_bayes_sigma(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    target: float = 0.1,
    scaling: str = "none",
    num_pairs: int = 16,
    confidence: float = 0.95,
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> PACBayesSigma:
    """Finds the largest sigma with E[loss(params + sigma T u)] <= loss(params) + target, u standard normal.

    The flatness of the PAC-Bayes bounds, which grow with 1 / sigma^2 (Neyshabur et al. 2017; Jiang et al.
    2020, who take the classification error in place of the loss). With T = |w| it is the magnitude-aware
    variant of Jiang et al., without the small constant that they add to the noise, which would end its
    invariance. On a quadratic sigma^2 = 2 target / tr(T H T).

    The same pairs +u and -u serve every sigma. Where the expected loss crosses its target several times, the
    crossing found is the first one on a grid of doublings upwards from 0.01, or downwards from there.
    The interval holds the sigma whose expected increase Student's interval does not tell from the target. A
    loss that is not finite counts as above the target.

    Invariances: those of `average_sharpness`.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key.
      target: increase of the loss, in its units.
      scaling: "none", "magnitude" or "filter".
      num_pairs: pairs of perturbations, evaluated at about 25 sigmas.
      confidence: of the interval.
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      PACBayesSigma, to 1e-3 of its value; sigma is infinite where no noise costs the target.

    Raises:
      ValueError: as `average_sharpness`, or if the target is lost in the rounding of the loss.
    """
    check_key(key)
    check_positive(target, "target")
    check_count(num_pairs, "num_pairs", 2)
    check_fraction(confidence, "confidence")
    at = Neighbourhood(loss, params, batch, batches, scaling, axes, count)
    if target <= 4 * at.rounding:
        raise ValueError(
            f"`target` {target} is lost in the rounding of the loss {at.centre}, {at.rounding:.1g}. Raise it, "
            "or compute in float64."
        )

    @functools.cache
    def increase(sigma):
        samples = pair_increases(at, key, sigma, "gaussian", num_pairs)
        if not np.isfinite(samples).all():
            return math.inf, 0.0
        mean, error = probes.mean_and_error(samples)
        return mean, error * stats.t.ppf(0.5 + confidence / 2, probes.degrees_of_freedom(samples))

    sigma, lower, upper = (
        _crossing(lambda s, w=width: increase(s)[0] + w * increase(s)[1], target)
        for width in (0, 1, -1)
    )
    return PACBayesSigma(
        sigma,
        lower,
        upper,
        confidence,
        float(target),
        at.centre,
        at.num_evaluations,
        scaling,
        _scalings.INVARIANCES[scaling],
    )


def _crossing(function, target):
    # Where the function rises through the target; infinite or zero where it does not.
    def gap(log_sigma):
        value = function(math.exp(log_sigma)) / target
        if not 0 < value < math.inf:
            return FAR if value > 0 else -FAR
        return min(max(math.log(value), -FAR), FAR)

    low = high = math.log(START)
    step = math.log(2)
    if gap(low) > 0:
        for _ in range(MOST_DOUBLINGS):
            low, high = low - step, low
            if gap(low) <= 0:
                break
        else:
            return 0.0
    else:
        for _ in range(MOST_DOUBLINGS):
            low, high = high, high + step
            if gap(high) > 0:
                break
        else:
            return math.inf
    return math.exp(optimize.brentq(gap, low, high, xtol=PRECISION))

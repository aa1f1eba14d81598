"""A sharpness as the learning rate goes to zero: a number of the network, or of the rate alone?"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

HELD = (
    0.3  # A sharpness above this share of the optimiser's limit may be what the rate leaves of it.
)
SETTLED = math.log(1.25)  # Between the two smallest rates the number may move by a quarter.


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A quantity at several learning rates, and at none; see `towards_zero`.

    Attributes:
      value: at a rate of zero; of a bound the number at the smallest rate.
      lower: of its interval.
      upper: of its interval; infinite for a bound.
      is_bound: whether the number still hangs on the rate, so that it only bounds the one at a rate of zero.
      limit_share: share of the optimiser's limit at the smallest rate.
    """

    value: float
    lower: float
    upper: float
    is_bound: bool
    limit_share: float

    def __str__(self) -> str:
        if self.is_bound:
            return f"bound: at least {self.lower:.4g}, at {self.limit_share:.0%} of the optimiser's limit"
        return f"{self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}] at a rate of zero"


def towards_zero(
    rates: Sequence[float], values: Sequence[float], limits: Sequence[float], *, error: float = 0.0
) -> Sweep:
    """Extrapolates a sharpness to a learning rate of zero, where the rates let it.

    Gradient descent of step h follows a flow that differs from gradient flow by O(h) (backward error analysis;
    Barrett and Dherin 2021), so that log sharpness at a fixed loss is a straight line in h near zero. The two
    smallest rates give it (Richardson's extrapolation), and its own step is the interval: the truth is taken
    to lie no further beyond the extrapolated number than the number at the smallest rate lies before it. Such a
    line is drawn only where sharpness is no reading of the rate: both numbers stand below 30 % of the
    optimiser's limit and differ by a quarter at most. Otherwise, as training at a larger rate moves to
    flatter places (Cohen et al. 2021), the number at the smallest rate is a lower bound.

    Args:
      rates: learning rates, ascending, positive, at least two.
      values: the sharpness at each, positive; NaN where the training did not get there.
      limits: the optimiser's stability limit at each, in the same unit.
      error: of a value, relative.

    Returns:
      Sweep; all NaN, and a bound, without a number at the smallest rate.

    Raises:
      ValueError: for fewer than two rates, rates that do not ascend, or other lengths.
    """
    rates, values, limits = (np.asarray(a, np.float64) for a in (rates, values, limits))
    if rates.ndim != 1 or len(rates) < 2 or not (rates[0] > 0 and (np.diff(rates) > 0).all()):
        raise ValueError(f"`rates` must be at least two, positive and ascending; got {rates}.")
    if values.shape != rates.shape or limits.shape != rates.shape:
        raise ValueError(
            f"`values` and `limits` must have one number for each of the {len(rates)} rates; got "
            f"{values.shape} and {limits.shape}."
        )
    first, second = float(values[0]), float(values[1])
    shares = values / limits
    if not first > 0:
        return Sweep(*[math.nan] * 3, True, math.nan)
    share = float(shares[0])
    step = math.log(first / second) if second > 0 else math.nan
    free = (shares[:2] < HELD).all()  # A limit that is not known is not one that is far away.
    if not (free and abs(step) <= SETTLED):
        return Sweep(first, first * (1 - error), math.inf, True, share)
    move = step * rates[0] / (rates[1] - rates[0])
    ends = sorted((first, first * math.exp(2 * move)))
    return Sweep(first * math.exp(move), ends[0] * (1 - error), ends[1] * (1 + error), False, share)

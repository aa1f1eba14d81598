"""A number with its error and its cost."""

import dataclasses
import math

from scipy import stats

from lsgeo import trees
from lsgeo.checks import check_fraction


@trees.frozen
class Estimate:
    """A number that lies in [lower, upper] with probability `confidence` or more, and products used.

    The standard error is that of the random probes, NaN where it cannot be known or the quantity has none (an
    extreme eigenvalue, a count). The interval is Student's about the value, the standard error known as well
    as `degrees_of_freedom` say, widened on both sides by `bias`, which bounds what the probes do not show:
    rounding of the products, and the error of a quadrature rule. Where it comes from another law it is given
    with the estimate (see `bracketed`), and the degrees of freedom are NaN.

    `span` is the length of what is possible at all, such as 1 for a share. An interval longer than half of it
    says nothing, and its midpoint less: then the estimate is `undetermined`, and prints so.
    """

    value: float
    standard_error: float
    num_matvecs: int
    degrees_of_freedom: float = math.inf
    bias: float = 0.0
    _: dataclasses.KW_ONLY
    confidence: float = 0.95
    lower: float = math.nan
    upper: float = math.nan
    span: float = math.inf

    @property
    def undetermined(self) -> bool:
        """Whether the interval says next to nothing."""
        return says_nothing(self.lower, self.upper, self.span)

    def __post_init__(self):
        if not math.isnan(self.degrees_of_freedom):
            lower, upper = self._student(self.confidence)
            object.__setattr__(self, "lower", lower)
            object.__setattr__(self, "upper", upper)

    def interval(self, confidence: float | None = None) -> tuple[float, float]:
        """The interval at any confidence.

        Args:
          confidence: probability that the interval is to cover; by default that of `lower` and `upper`.

        Returns:
          (lower, upper); the whole line where the standard error is not known.

        Raises:
          ValueError: for another confidence than its own of an interval that is not Student's.
        """
        if confidence is None or confidence == self.confidence:
            return self.lower, self.upper
        check_fraction(confidence, "confidence")
        if math.isnan(self.degrees_of_freedom):
            raise ValueError(
                f"`confidence` must be {self.confidence:g}, at which this interval was made; got "
                f"{confidence!r}. Pass it to the function that estimates."
            )
        return self._student(confidence)

    def _student(self, confidence):
        width = self.standard_error
        if width:
            width *= stats.t.ppf(0.5 + confidence / 2, self.degrees_of_freedom)
        width += self.bias
        if math.isnan(width):
            return -math.inf, math.inf
        return float(self.value - width), float(self.value + width)

    def __str__(self) -> str:
        cost = f"{self.num_matvecs} products"
        if math.isnan(self.degrees_of_freedom):
            level = f"{100 * self.confidence:g} % confidence"
            if self.undetermined or math.isnan(self.value):
                return f"undetermined: [{self.lower:.6g}, {self.upper:.6g}] ({level}; {cost})"
            return f"{self.value:.6g} in [{self.lower:.6g}, {self.upper:.6g}] ({level}; {cost})"
        error = "unknown" if math.isnan(self.standard_error) else f"{self.standard_error:.2g}"
        return f"{self.value:.6g} ± {error} (standard error; {cost})"


def says_nothing(lower: float, upper: float, span: float) -> bool:
    """Whether an interval is longer than half of what is possible at all."""
    return upper - lower > 0.5 * span


Interval = Estimate  # by the name of what it states


def bracketed(
    value: float,
    standard_error: float,
    num_matvecs: int,
    lower: float,
    upper: float,
    confidence: float,
    span: float = math.inf,
) -> Estimate:
    """Makes an estimate whose interval comes from another law than Student's."""
    ends = {"lower": lower, "upper": upper, "confidence": confidence, "span": span}
    return Estimate(value, standard_error, num_matvecs, math.nan, **ends)

"""A number with its error and its cost."""

import dataclasses
import math

from scipy import stats

from lsgeo import trees
from lsgeo.checks import check_fraction


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Estimate:
    """An estimate: value, standard error (NaN where it cannot be known) and products used.

    The standard error is that of the random probes, known as well as `degrees_of_freedom` say. `bias`
    bounds what the probes do not show: rounding of the products, and the error of a quadrature rule.
    """

    value: float
    standard_error: float
    num_matvecs: int
    degrees_of_freedom: float = math.inf
    bias: float = 0.0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval about the value, widened by `bias` on both sides.

        Args:
          confidence: probability that the interval is to cover.

        Returns:
          (lower, upper); the whole line where the standard error is not known.
        """
        check_fraction(confidence, "confidence")
        width = self.standard_error
        if width:
            width *= stats.t.ppf(0.5 + confidence / 2, self.degrees_of_freedom)
        width += self.bias
        if math.isnan(width):
            return -math.inf, math.inf
        return float(self.value - width), float(self.value + width)

    def __str__(self) -> str:
        error = "unknown" if math.isnan(self.standard_error) else f"{self.standard_error:.2g}"
        return f"{self.value:.6g} ± {error} (standard error; {self.num_matvecs} products)"


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate that lies in [lower, upper] with probability `confidence` or more.

    `standard_error` is the spread over probes alone, NaN where the quantity has none (an extreme
    eigenvalue, a count); `lower` and `upper` also hold what the quadrature leaves open.
    """

    value: float
    standard_error: float
    num_matvecs: int
    lower: float
    upper: float
    confidence: float

    def __str__(self) -> str:
        return (
            f"{self.value:.6g} in [{self.lower:.6g}, {self.upper:.6g}] "
            f"({100 * self.confidence:g} % confidence; {self.num_matvecs} products)"
        )

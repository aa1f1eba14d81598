"""An estimate with both ends of its confidence interval."""

import dataclasses

from lsgeo import trees


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

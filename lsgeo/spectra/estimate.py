"""A number with its standard error and its cost."""

import dataclasses
import math

from lsgeo import trees


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Estimate:
    """An estimate: value, standard error (NaN where it cannot be known) and products used."""

    value: float
    standard_error: float
    num_matvecs: int

    def __str__(self) -> str:
        error = "unknown" if math.isnan(self.standard_error) else f"{self.standard_error:.2g}"
        return f"{self.value:.6g} ± {error} (standard error; {self.num_matvecs} products)"

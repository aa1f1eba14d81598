"""A published number, what it is measured with here, and whether both meet."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lsgeo.interval import Estimate

AGREES, DIFFERS, MISSING = "agrees", "differs", "not measured"


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """One number, fixed before it is measured.

    Attributes:
      name: name of its file.
      quantity: what the number is, as a reader knows it.
      published: the number as it is published, for the table.
      lower: smallest value that the published statement allows, in the unit of what is measured.
      upper: largest one.
      source: paper and place.
      apart: what is not as in the paper.
      sizes: the field of the configuration with its sizes.
      measure: measure(sizes, seed, folder, progress) -> entries of a file, among them "value", "lower" and
        "upper" (a 95 % interval); `folder` takes what must survive a killed run.
    """

    name: str
    quantity: str
    published: str
    lower: float
    upper: float
    source: str
    apart: str
    sizes: str
    measure: Callable[[Any, int, pathlib.Path, Any], Mapping[str, Any]]

    def verdict(self, found: Mapping[str, Any]) -> str:
        """Whether the interval meets what is published; a number that is not finite has not been measured."""
        if not math.isfinite(found["value"]):
            return MISSING
        meets = found["lower"] <= self.upper and found["upper"] >= self.lower
        return AGREES if meets else DIFFERS


def over_seeds(samples: Sequence[float]) -> dict[str, Any]:
    """The mean over seeds with Student's interval, as entries of a file.

    Raises:
      ValueError: for fewer than two seeds, which have no interval.
    """
    values = np.asarray(samples, np.float64)
    if len(values) < 2:
        raise ValueError(f"`num_seeds` must be at least 2, for an interval; got {len(values)}.")
    error = values.std(ddof=1) / np.sqrt(len(values))
    return {**interval(Estimate(values.mean(), error, 0, len(values) - 1)), "samples": values}


def interval(found: Estimate) -> dict[str, float]:
    """An estimate's number and interval, as entries of a file."""
    return {"value": found.value, "lower": found.lower, "upper": found.upper}


def exponent(sizes: Sequence[float], values: np.ndarray) -> np.ndarray:
    """Exponents p of values ~ size^p by least squares, [seeds] of values [seeds, sizes]."""
    logs = np.log(np.asarray(sizes, np.float64))
    centred = logs - logs.mean()
    return np.log(values) @ centred / (centred @ centred)

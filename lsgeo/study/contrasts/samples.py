"""Samples: one number for each pair of twins, with what is known of where it comes from.

A pair is known by its seed and its data split. Rows of studies from before there were splits are of split 0.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Row = Mapping[str, Any]
Pair = tuple[int, int]  # seed and split


@dataclasses.dataclass(frozen=True)
class Sides:
    """What both twins of each pair have in one column at one condition.

    Attributes:
      without: numbers of the networks without skips; NaN where there is none.
      with_skip: of their twins.
      resolution: how far the instrument leaves each pair's numbers open.
    """

    without: np.ndarray
    with_skip: np.ndarray
    resolution: np.ndarray


@dataclasses.dataclass(frozen=True)
class Sample:
    """One number for each pair.

    Attributes:
      pairs: (seed, split) of each.
      values: one for each; NaN, or infinite, where a pair has none.
      num_bounds: networks that only bound their number.
      lower: what each number is at least; the number itself where both networks were measured, minus infinity
        where nothing is known. None is the numbers themselves.
      upper: what it is at most.
      limit_shares: largest share of the optimiser's stability limit over the networks without skips at their
        reading, and over those with them; NaN where there is none.
      sides: the twins' own numbers, for each condition that enters; () where the contrast is not one of twins.
    """

    pairs: tuple[Pair, ...]
    values: np.ndarray
    num_bounds: int = 0
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    limit_shares: tuple[float, float] = (math.nan, math.nan)
    sides: tuple[Sides, ...] = ()

    def __post_init__(self):
        """Fills in the bounds of numbers that have none, and refuses pairs that are not known by both."""
        if any(np.shape(pair) != (2,) for pair in self.pairs):
            raise ValueError(
                f"`pairs` must be (seed, split); got {self.pairs}. `pair_of(row)` of "
                "lsgeo.study.contrasts makes it."
            )
        for name in ("lower", "upper"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.values)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the pairs."""
        return tuple(seed for seed, _ in self.pairs)

    @property
    def splits(self) -> tuple[int, ...]:
        """Data splits of the pairs."""
        return tuple(split for _, split in self.pairs)

    @property
    def num_missing(self) -> int:
        """Pairs without a number."""
        return int(np.sum(~np.isfinite(self.values)))

    @property
    def limit_share(self) -> float:
        """Largest share of the optimiser's stability limit over all networks; NaN where there is none."""
        return largest(self.limit_shares)


def pair_of(row: Row) -> Pair:
    """Seed and data split of a row."""
    return int(row["seed"]), int(row.get("split") or 0)


def number(row: Row | None, name: str) -> float:
    """A column of a row as a number; NaN where it was not measured."""
    if row is None or not name or row.get(name) in (None, ""):
        return math.nan
    return float(row[name])


def bound_of(row: Row | None, name: str) -> int:
    """Whether a column of a row is only a bound: 1 where the network has at least that, -1 at most, or 0."""
    found = (row or {}).get(f"{name}_bound") or 0
    if isinstance(found, str):  # of a table that was read back
        found = {"True": 1, "False": 0}.get(found, found)
    return int(np.sign(float(found)))


def largest(values: Sequence[float]) -> float:
    """The largest of those that are not NaN; NaN where there is none."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def difference(of: Sample, less: Sample) -> Sample:
    """The difference of two samples, pair by pair; NaN for a pair that lacks one of them."""
    pairs = tuple(sorted({*of.pairs, *less.pairs}))
    with np.errstate(invalid="ignore"):  # Of two infinite numbers the difference is none.
        values, lower, upper = (
            _at(of, one, pairs) - _at(less, other, pairs)
            for one, other in (("values", "values"), ("lower", "upper"), ("upper", "lower"))
        )
    return Sample(
        pairs,
        values,
        of.num_bounds + less.num_bounds,
        lower,
        upper,
        _largest_shares((of, less)),
        (*of.sides, *less.sides),
    )


def mean(samples: Sequence[Sample]) -> Sample:
    """The mean of samples of several conditions, pair by pair; NaN for a pair that lacks one of them."""
    pairs = tuple(sorted({pair for sample in samples for pair in sample.pairs}))
    means = {
        name: np.mean([_at(sample, name, pairs) for sample in samples], axis=0)
        for name in ("values", "lower", "upper")
    }
    sides = [side for sample in samples for side in sample.sides]
    return Sample(
        pairs,
        means["values"],
        sum(sample.num_bounds for sample in samples),
        means["lower"],
        means["upper"],
        _largest_shares(samples),
        # Together they are one side of a comparison, which has room while one of them has.
        (_joined(sides),) if sides else (),
    )


def _at(sample, name, pairs):
    found = dict(zip(sample.pairs, getattr(sample, name), strict=True))
    return np.array([found.get(pair, math.nan) for pair in pairs])


def _largest_shares(samples):
    without, with_skip = zip(*(sample.limit_shares for sample in samples), strict=True)
    return largest(without), largest(with_skip)


def _joined(sides):
    names = [field.name for field in dataclasses.fields(Sides)]
    return Sides(*(np.concatenate([getattr(side, name) for side in sides]) for name in names))

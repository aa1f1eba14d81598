"""Where the axes of a parameter lie in an array that is computed from it.

Each axis of the array is a row-major product of factors, and a factor knows which of the parameter's axes it
runs along. A factor that several of them went into, as a slice across a merged axis does, names all of them.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Factor:
    """A part of an array's axis; without sources it does not come from the parameter."""

    size: int
    sources: frozenset[int] = frozenset()


Axis = tuple[Factor, ...]


@dataclasses.dataclass
class Use:
    """The axes of a parameter that a sum with data runs over, and those that stay in its result."""

    inputs: frozenset[int]
    units: frozenset[int]
    stack: frozenset[int]
    of_batch: bool


@dataclasses.dataclass(frozen=True)
class Track:
    """A parameter within an array.

    Attributes:
      axes: of the array.
      spent: the parameter's axes that were summed over on the way.
      stack: those along which a loop, or an index, took one entry.
      kind: "pure", made of parameters and constants alone; "scaled", with data that have none of its axes;
        "outer", times data that lack one of them; "weak", with data added or multiplied that have all of
        them; "looked up" by indices of the batch.
      lookup: the use that a lookup counts as, until it turns out to be of other weights.
    """

    axes: tuple[Axis, ...]
    spent: frozenset[int] = frozenset()
    stack: frozenset[int] = frozenset()
    kind: str = "pure"
    lookup: Any = None

    def with_axes(self, axes: Iterable[Axis], **changes: Any) -> "Track":
        """The track with other axes."""
        return dataclasses.replace(self, axes=tuple(axes), **changes)

    def sources(self, places: Iterable[int] | None = None) -> frozenset[int]:
        """The parameter's axes within some of the array's, or all of them."""
        places = range(len(self.axes)) if places is None else places
        return frozenset().union(*(f.sources for i in places for f in self.axes[i]))

    def own(self) -> tuple[int, ...]:
        """The array's axes, longer than 1, along which it runs through the parameter."""
        return tuple(
            i
            for i, axis in enumerate(self.axes)
            if any(f.sources for f in axis) and math.prod(f.size for f in axis) > 1
        )


@dataclasses.dataclass(frozen=True)
class Value:
    """What is known of an array: how far from the parameters it is (`level`), and which ones lie in it.

    Attributes:
      level: CONSTANT, READ, MIXED or BATCH.
      tracks: by the parameter's number.
      flat: for each axis, whether the array is known to be constant along it.
    """

    level: int
    flat: tuple[bool, ...]
    tracks: dict[int, Track] = dataclasses.field(default_factory=dict)


CONSTANT = 0  # parameters one by one, and constants
READ = 1  # what parameters made of constants
MIXED = 2  # products of parameters with parameters, of which none is the data
BATCH = 3  # depends on the batch


def whole(shape: Sequence[int]) -> Track:
    """The track of a parameter in itself."""
    return Track(tuple((Factor(size, frozenset({i})),) for i, size in enumerate(shape)))


def foreign(size: int) -> Axis:
    """An axis that does not come from the parameter."""
    return (Factor(size),)


def opaque(axis: Axis, size: int) -> Axis:
    """An axis of another size that runs, somehow, along the same axes of the parameter."""
    return axis if _size(axis) == size else (Factor(size, _sources(axis)),)


def merged(one: Axis, other: Axis, size: int) -> Axis:
    """An axis that runs along those of both."""
    return one if one == other else (Factor(size, _sources(one) | _sources(other)),)


def reshaped(axes: Sequence[Axis], shape: Sequence[int]) -> tuple[Axis, ...]:
    """The axes after a reshape in row-major order."""
    rest = [factor for axis in axes for factor in axis if factor.size != 1]
    everything = frozenset().union(*(factor.sources for factor in rest))
    found = []
    for size in shape:
        axis = []
        while size > 1:
            factor = rest.pop(0) if rest else Factor(0)
            if not factor.size or (size % factor.size and factor.size % size):
                return tuple((Factor(size, everything),) for size in shape)
            if factor.size > size:
                rest.insert(0, Factor(factor.size // size, factor.sources))
                factor = Factor(size, factor.sources)
            size //= factor.size
            axis.append(factor)
        found.append(tuple(axis))
    return tuple(found)


def singles(axes: Iterable[Axis]) -> frozenset[int]:
    """The parameter's axes of which an array holds one entry."""
    return frozenset().union(*(f.sources for axis in axes for f in axis if f.size == 1))


def tracks_of(values: Iterable[Value]) -> list[tuple[int, Track]]:
    """All parameters within some arrays, by number."""
    return [pair for value in values for pair in value.tracks.items()]


def plain(level: int, var: Any) -> Value:
    """The value of a variable in which no parameter can be told."""
    return Value(level, (False,) * len(var.aval.shape))


def _size(axis):
    return math.prod(factor.size for factor in axis)


def _sources(axis):
    return frozenset().union(*(factor.sources for factor in axis))

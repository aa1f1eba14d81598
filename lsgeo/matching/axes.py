"""The inner structure of array axes, found by unification.

An axis is an atom, which may be permuted freely; fixed, which may not; a product of axes, in the row-major
order of `reshape`; or a sum of axes laid end to end, as `concatenate` and `pad` make. Two axes that a
computation ties together are joined: an atom takes on the structure of its partner, sums and products
are cut at each other's bounds, and what has no common structure becomes fixed. Fixing is always
safe, because it leaves out permutations and never lets in a wrong one.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Atom:
    """An axis whose entries can be permuted in any way, together with all axes of that number."""

    size: int
    number: int


@dataclasses.dataclass(frozen=True)
class Fixed:
    """An axis whose entries stay where they are."""

    size: int


@dataclasses.dataclass(frozen=True)
class Product:
    """Axes run together by `reshape`, the last one fastest."""

    parts: tuple["Axis", ...]

    @property
    def size(self) -> int:
        """Of the axis: the product of its parts."""
        return math.prod(part.size for part in self.parts)


@dataclasses.dataclass(frozen=True)
class Sum:
    """Axes laid end to end."""

    parts: tuple["Axis", ...]

    @property
    def size(self) -> int:
        """Of the axis: the sum of its parts."""
        return sum(part.size for part in self.parts)


Axis = Atom | Fixed | Product | Sum


def compose(kind: type[Product] | type[Sum], parts: Iterable[Axis]) -> Axis:
    """Builds a product or a sum in its simplest form."""
    nothing = 1 if kind is Product else 0
    simple: list[Axis] = []
    for part in itertools.chain(*((p.parts if isinstance(p, kind) else (p,)) for p in parts)):
        if part == Fixed(nothing):
            continue
        last = simple[-1] if simple else None
        if isinstance(part, Fixed) and isinstance(last, Fixed):
            simple[-1] = Fixed(kind((last, part)).size)
        else:
            simple.append(part)
    if len(simple) > 1:
        return kind(tuple(simple))
    return simple[0] if simple else Fixed(nothing)


class Unifier:
    """What is known so far about every atom."""

    def __init__(self):
        self._known: dict[Atom, Axis] = {}
        self._numbers = itertools.count()

    def fresh(self, size: int) -> Axis:
        """Makes an axis of which nothing is known."""
        return Atom(size, next(self._numbers)) if size > 1 else Fixed(size)

    def resolve(self, axis: Axis) -> Axis:
        """Writes an axis in terms of atoms of which nothing more is known."""
        if isinstance(axis, Atom):
            return self.resolve(self._known[axis]) if axis in self._known else axis
        if isinstance(axis, Fixed):
            return axis
        return compose(type(axis), [self.resolve(part) for part in axis.parts])

    def freeze(self, *axes: Axis) -> None:
        """Makes axes fixed."""
        for axis in axes:
            for atom in atoms(self.resolve(axis)):
                self._known.setdefault(atom, Fixed(atom.size))

    def join(self, one: Axis, other: Axis) -> None:
        """Ties two axes of one size together: they may only be permuted alike."""
        one, other = self.resolve(one), self.resolve(other)
        if one == other:
            return
        if isinstance(other, Atom):
            one, other = other, one
        if isinstance(one, Atom):
            # `other` cannot hold `one`: parts are smaller than the whole.
            self._known[one] = other
        elif type(one) is type(other):
            self._align(one, other)
        else:
            self.freeze(one, other)

    def _align(self, one, other):
        kind = type(one)
        left, right = list(one.parts), list(other.parts)
        while left and right:
            x, y = self.resolve(left.pop(0)), self.resolve(right.pop(0))
            if isinstance(x, kind) or isinstance(y, kind):
                left[:0] = x.parts if isinstance(x, kind) else (x,)
                right[:0] = y.parts if isinstance(y, kind) else (y,)
            elif x.size == y.size:
                self.join(x, y)
            else:
                whole, size = (x, y.size) if x.size > y.size else (y, x.size)
                pieces = self._cut(kind, whole, size)
                if pieces is None:
                    return self.freeze(one, other)
                left[:0] = pieces if whole is x else (x,)
                right[:0] = pieces if whole is y else (y,)

    def _cut(self, kind, axis, size):
        if isinstance(axis, Product | Sum) or (kind is Product and axis.size % size):
            return None
        rest = axis.size // size if kind is Product else axis.size - size
        if isinstance(axis, Fixed):
            return Fixed(size), Fixed(rest)
        pieces = self.fresh(size), self.fresh(rest)
        self._known[axis] = compose(kind, pieces)
        return pieces


def atoms(axis: Axis) -> set[Atom]:
    """Returns the atoms of an axis."""
    if isinstance(axis, Atom):
        return {axis}
    return set() if isinstance(axis, Fixed) else set().union(*map(atoms, axis.parts))


def order(axis: Axis, permutations: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the indices [size] that permute an axis, given those of its atoms by number."""
    if isinstance(axis, Atom):
        return np.asarray(permutations[axis.number])
    if isinstance(axis, Fixed):
        return np.arange(axis.size)
    parts = [order(part, permutations) for part in axis.parts]
    if isinstance(axis, Product):
        return _row_major(parts)
    starts = itertools.accumulate([len(part) for part in parts], initial=0)
    return np.concatenate([start + part for start, part in zip(starts, parts, strict=False)])


def places(axis: Axis, atom: Atom) -> list[np.ndarray]:
    """Returns, for each time the atom occurs in an axis, its entries' indices [atom.size, m]."""
    if axis == atom:
        return [np.arange(axis.size)[:, None]]
    if isinstance(axis, Atom | Fixed):
        return []
    found = []
    for i, part in enumerate(axis.parts):
        for inner in places(part, atom):
            if isinstance(axis, Sum):
                found.append(inner + sum(p.size for p in axis.parts[:i]))
            else:
                others = [np.arange(p.size) for p in axis.parts]
                rows = [_row_major([*others[:i], row, *others[i + 1 :]], axis) for row in inner]
                found.append(np.stack(rows))
    return found


def _row_major(parts, axis=None):
    sizes = [p.size for p in axis.parts] if axis else [len(part) for part in parts]
    return np.ravel_multi_index(np.meshgrid(*parts, indexing="ij"), sizes).ravel()


def substitute(axis: Axis, atoms_by: Mapping[Atom, Atom]) -> Axis:
    """Renames atoms; one without a name keeps its place but is fixed."""
    if isinstance(axis, Atom):
        return atoms_by.get(axis, Fixed(axis.size))
    if isinstance(axis, Fixed):
        return axis
    return compose(type(axis), [substitute(part, atoms_by) for part in axis.parts])

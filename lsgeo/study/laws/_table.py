"""The rows of a study as points of curves: a value for each pair, and whether it is only a bound."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.contrasts.samples import Pair as Unit
from lsgeo.study.contrasts.samples import bound_of, number, pair_of
from lsgeo.study.races.sweeps import HELD

# Where the true number lies if the true largest eigenvalue is larger and the rest of the spectrum as it is.
_MOVES = {"lambda_max": 1, "flat_rel_": 1, "negative_rel_": -1}


@dataclasses.dataclass(frozen=True)
class Point:
    """One pair's value; where it is a bound, its true value lies at the `side`: 1 above, -1 below."""

    value: float
    side: int = 0


class Table:
    """The rows of a study, by network."""

    def __init__(self, rows: Sequence[Row]):
        """Takes rows with numbers or, as results.csv has them, text.

        Raises:
          ValueError: if two rows are of one network and reading.
        """
        self._rows: dict[tuple, dict[tuple[int, Unit], Row]] = {}
        for row in rows:
            place = tuple(str(row[name]) for name in ("family", "norm", "arm", "reading"))
            here = int(float(row["depth"])), pair_of(row)
            there = self._rows.setdefault(place, {})
            if here in there:
                raise ValueError(
                    f"`rows` hold {', '.join(place)}, depth {here[0]}, seed {here[1][0]} twice. Give "
                    "networks of different data splits their `split`."
                )
            there[here] = row

    def depths(self, family: str, norm: str, arm: str, reading: str) -> list[int]:
        """Depths that networks have a row at, ascending."""
        return sorted({depth for depth, _ in self._rows.get((family, norm, arm, reading), {})})

    def points(
        self, family: str, norm: str, arm: str, reading: str, column: str
    ) -> dict[int, dict[Unit, Point]]:
        """The finite values of a column by depth, ascending, and pair; a depth without any is left out."""
        found: dict[int, dict[Unit, Point]] = {}
        rows = self._rows.get((family, norm, arm, reading), {})
        for (depth, unit), row in sorted(rows.items(), key=lambda item: item[0]):
            value = _number(row, column)
            if math.isfinite(value):
                found.setdefault(depth, {})[unit] = Point(value, _side(row, column))
        return found

    def ratios(
        self,
        above: tuple[str, str, str],
        below: tuple[str, str, str],
        reading: str,
        column: str,
        *,
        least: str = "",
    ) -> dict[int, dict[Unit, Point]]:
        """The log ratio of two kinds of networks (family, norm, arm) by depth, ascending, and pair.

        Args:
          above: the numerator's.
          below: the denominator's.
          reading: of both.
          column: of both.
          least: column of the smallest number that can be told from 0: both get the larger of theirs added.
        """
        over, under = (self.points(*kind, reading, column) for kind in (above, below))
        ones = [self.points(*kind, reading, least) if least else {} for kind in (above, below)]
        found = {}
        for depth in sorted(over.keys() & under.keys()):
            sides = [over[depth], under[depth]]
            if least:
                sides = _raised(sides, [one.get(depth, {}) for one in ones])
            if points := log_ratio(*sides):
                found[depth] = points
        return found

    def missing(self, family: str, norm: str, arm: str, column: str) -> dict[int, tuple[int, int]]:
        """By depth, networks without a number at matched loss, of how many; complete depths are left out."""
        whole = self._rows.get((family, norm, arm, ""), {}) | self._rows.get(
            (family, norm, arm, "init"), {}
        )
        there = self.points(family, norm, arm, "matched", column)
        counts = {}
        for depth in sorted({depth for depth, _ in whole}):
            trained = sum(1 for d, _ in whole if d == depth)
            lacking = trained - len(there.get(depth, {}))
            if lacking:
                counts[depth] = (lacking, trained)
        return counts


def logs(points: Mapping[Unit, Point]) -> dict[Unit, Point]:
    """Their natural logarithms, of those that are positive."""
    return {
        unit: Point(math.log(point.value), point.side)
        for unit, point in points.items()
        if point.value > 0
    }


def log_ratio(above: Mapping[Unit, Point], below: Mapping[Unit, Point]) -> dict[Unit, Point]:
    """log(above / below) of the pairs that have both; two bounds that pull apart are no number."""
    top, bottom = logs(above), logs(below)
    found = {}
    for unit in top.keys() & bottom.keys():
        sides = {top[unit].side, -bottom[unit].side} - {0}
        if len(sides) < 2:
            value = top[unit].value - bottom[unit].value
            found[unit] = Point(value, sides.pop() if sides else 0)
    return found


def _raised(sides, ones):
    both = ones[0].keys() & ones[1].keys()
    more = {unit: max(one[unit].value for one in ones) for unit in both}
    return [
        {u: Point(point.value + more[u], point.side) for u, point in side.items() if u in more}
        for side in sides
    ]


def _number(row, column):
    try:
        return number(row, column)
    except ValueError:
        text = f"`{column}` of a row is {row[column]!r}, which is no number. Mend results.csv."
        raise ValueError(text) from None


def _side(row, column):
    moves = next((side for name, side in _MOVES.items() if column.startswith(name)), 0)
    return moves if moves and _number(row, "limit_share") >= HELD else bound_of(row, column)

"""The landscapes of twins and their extreme curvatures, as the page's first picture has them."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from lsgeo.plotting import Extremes
from lsgeo.study.arms import ARMS
from lsgeo.study.page import _networks
from lsgeo.study.page.explorer import hundredths, rounded
from lsgeo.study.page.words import is_held
from lsgeo.study.plan import Cell

PAIR = ("plain", "residual")


@dataclasses.dataclass(frozen=True)
class Landscape:
    """The loss around twins of one depth and seed, on planes along the same random numbers.

    Attributes:
      depth: of both.
      seed: of both.
      half: half the width of the planes, in filter norms.
      values: losses [n, n] around the network without skips and around the one with them, the rows from the
        lowest y to the highest.
    """

    depth: int
    seed: int
    half: float
    values: tuple[np.ndarray, np.ndarray]

    def __post_init__(self):
        """Refuses planes that are not square, or not of one size."""
        shapes = {np.shape(values) for values in self.values}
        if len(self.values) != 2 or len(shapes) > 1 or len(set(next(iter(shapes)))) != 1:
            raise ValueError(
                f"`values` of depth {self.depth} must be two square planes of one size; got {sorted(shapes)}."
            )


@dataclasses.dataclass(frozen=True)
class Twins:
    """Twins over depth: one family and norm, without and with skips.

    Attributes:
      name: of the family and its norm, in words.
      landscapes: ascending in depth, each depth once.
      extremes: extreme eigenvalues of both arms, by label.
      chance: loss of guessing; NaN where there is none.
    """

    name: str
    landscapes: tuple[Landscape, ...]
    extremes: tuple[Extremes, ...] = ()
    chance: float = math.nan

    def __post_init__(self):
        """Refuses twins without a landscape, and depths that do not ascend."""
        depths = [one.depth for one in self.landscapes]
        if not depths or depths != sorted(set(depths)):
            raise ValueError(
                f"`landscapes` of {self.name} must ascend in depth, each once; got {depths}."
            )

    def plain(self) -> dict:
        """The data as JSON has it; losses are hundredths of a decade."""
        return {
            "name": self.name,
            "chance": rounded(self.chance),
            "landscapes": [
                {
                    "depth": one.depth,
                    "seed": one.seed,
                    "half": one.half,
                    "size": len(one.values[0]),
                    "values": [hundredths(values) for values in one.values],
                }
                for one in self.landscapes
            ],
            "extremes": [
                {
                    "side": LABELS.index(one.arm),
                    "depth": one.depth,
                    "seeds": len(one.highest),
                    "low": _spread(one.lowest),
                    "high": _spread(one.highest),
                    "bound": one.is_bound,
                }
                for one in self.extremes
            ],
        }


LABELS = tuple(ARMS[name].label for name in PAIR)
PHRASES = tuple(ARMS[name].phrase for name in PAIR)


def collect(cells: Sequence[Cell], rows: Sequence[Mapping], most: int = 6) -> list[Twins]:
    """The first kinds of twins of a study that have landscapes, those with the most depths first.

    Args:
      cells: trained networks.
      rows: of the study.
      most: kinds of twins.
    """
    kinds: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.arm.name in PAIR:
            kinds.setdefault((cell.family, cell.norm), []).append(cell)
    found = [_twins(family, norm, mine, rows) for (family, norm), mine in kinds.items()]
    kept = [one for one in found if one is not None]
    return sorted(kept, key=lambda one: -len(one.landscapes))[:most]


def _twins(family, norm, cells, rows):
    landscapes, chance = [], math.nan
    for depth in sorted({cell.depth for cell in cells}):
        for seed in sorted({cell.seed for cell in cells}):
            twins = {
                cell.arm.name: cell for cell in cells if (cell.depth, cell.seed) == (depth, seed)
            }
            stored = [_networks.planes(twins[name]) for name in PAIR if name in twins]
            if len(stored) < 2 or None in stored:
                continue
            planes = [first for (first, *_), _ in stored]
            half = float(np.max(planes[0].xs))
            values = tuple(np.asarray(plane.values, np.float64) for plane in planes)
            landscapes.append(Landscape(depth, seed, half, values))
            chance = float(stored[0][1]["chance_loss"])
            break
    if not landscapes:
        return None
    name = {"": family, "none": f"{family}, no norm"}.get(norm, f"{family}, {norm} norm")
    ours = [row for row in rows if (row["family"], row["norm"]) == (family, norm)]
    depths = {one.depth for one in landscapes}
    return Twins(name, tuple(landscapes), _extremes(ours, depths), chance)


def _extremes(rows: Sequence[Mapping], depths: Collection[int]) -> tuple[Extremes, ...]:
    found = []
    for depth in sorted(depths):
        for arm, label in zip(PAIR, LABELS, strict=True):
            mine = [
                row
                for row in rows
                if (row["depth"], row["arm"], row["reading"]) == (depth, arm, "matched")
                and row.get("lambda_max") is not None
                and math.isfinite(row["lambda_max"])
            ]
            if mine:
                ends = (
                    tuple(float(row[name]) for row in mine) for name in ("lambda_min", "lambda_max")
                )
                held = any(is_held(row.get("limit_share")) for row in mine)
                found.append(Extremes(label, depth, *ends, held))
    return tuple(found)


def _spread(values):
    return [rounded(x) for x in (float(np.median(values)), min(values), max(values))]

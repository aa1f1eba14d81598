"""Pairs of trained twins: what they have in common, as a study has measured it."""

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from lsgeo import runs
from lsgeo.study.arms import ARMS
from lsgeo.study.contracts import Contract
from lsgeo.study.plan import Cell

_LEAVES = ("equal_leaves", "different_leaves", "own_leaves", "missing_leaves")
_ANSWERS = ("same_tree", "same_count", "same_weights", "same_function")


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two networks that are compared.

    Attributes:
      family: name of the family.
      norm: normalisation of both.
      depth: of both.
      seed: of both.
      contract: what they have in common.
      fields: fields of the two training configurations that differ, with both values. Data, order of the
        examples and learning rate are equal where no such field is here.
    """

    family: str
    norm: str
    depth: int
    seed: int
    contract: Contract
    fields: dict[str, tuple[Any, Any]]


def load(cells: Iterable[Cell]) -> list[Pair]:
    """Reads the contracts of a study's networks; those that are not there, or damaged, are left out."""
    found = []
    for cell in cells:
        opened = runs.Run(cell.path / "twins")
        if not opened.has("contract"):
            continue
        try:
            stored = opened.load("contract")
        except runs.DamagedFileError:
            continue
        contract = json.loads(stored["contract"])
        contract |= {name: tuple(contract[name]) for name in _LEAVES}
        fields = {name: tuple(both) for name, both in json.loads(stored["fields"]).items()}
        place = (cell.family, cell.norm, cell.depth, cell.seed)
        found.append(Pair(*place, Contract(**contract), fields))
    return found


def plain(pair: Pair) -> dict[str, Any]:
    """A pair as values that JSON has; null is a loss that was never reached."""
    measured = dataclasses.asdict(pair.contract)
    for name in ("loss", "reference_loss"):
        measured[name] = measured[name] if math.isfinite(measured[name]) else None
    return {
        "family": pair.family,
        "norm": pair.norm,
        "depth": pair.depth,
        "seed": pair.seed,
        **measured,
        **{name: getattr(pair.contract, name) for name in _ANSWERS},
        "configurations_differ_in": {name: list(both) for name, both in pair.fields.items()},
    }


def sentence(pairs: Sequence[Pair]) -> str:
    """Says of pairs of the same two arms what they have in common."""
    contracts = [pair.contract for pair in pairs]
    other, reference = (ARMS[name] for name in (contracts[0].arm, contracts[0].reference))
    fields = sorted({name for pair in pairs for name in pair.fields})
    equal = min(len(c.equal_leaves) for c in contracts)
    common = max(len(c.equal_leaves) + len(c.different_leaves) for c in contracts)
    counts = sorted({c.num_parameters - c.reference_parameters for c in contracts})
    gaps = [c.loss_gap for c in contracts if math.isfinite(c.loss_gap)]
    return (
        f"Networks {other.phrase} against those {reference.phrase}: the configurations differ in "
        f"{' and '.join(fields)}; of the {common} arrays of weights that both have, {equal} are equal bit for "
        f"bit at initialisation in each of {len(contracts)} pairs"
        + ("" if counts == [0] else f"; {', '.join(f'{n:+d}' for n in counts)} parameters")
        + (f"; training losses at the comparison within {max(gaps):.1%}." if gaps else ".")
    )

"""What the twins of a study have in common, measured on what its runs left behind."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from experiments import _grid, _network
from lsgeo import runs, study


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two networks that are compared.

    Attributes:
      family: name of the family.
      depth: of both.
      seed: of both.
      contract: what they have in common.
      fields: fields of the two training configurations that differ, with both values. Data, order of the
        examples and learning rate are equal where no such field is here.
    """

    family: str
    depth: int
    seed: int
    contract: study.Contract
    fields: dict[str, tuple[Any, Any]]


def measure(cells: Iterable[_grid.Cell], matched_loss: float) -> list[Pair]:
    """Measures every arm against the first one of its twins, from the networks that were trained.

    Raises:
      ValueError: if a file is damaged or a run has not finished.
    """
    twins: dict[tuple, list[_grid.Cell]] = {}
    for cell in cells:
        twins.setdefault((cell.family, cell.depth, cell.seed), []).append(cell)
    return [
        _pair(cell, reference, matched_loss)
        for reference, *others in twins.values()
        for cell in others
    ]


def plain(pair: Pair) -> dict[str, Any]:
    """A pair as values that JSON has; null is a loss that was never reached."""
    measured = dataclasses.asdict(pair.contract)
    for name in ("loss", "reference_loss"):
        measured[name] = measured[name] if math.isfinite(measured[name]) else None
    answers = ("same_tree", "same_count", "same_weights", "same_function")
    return {
        "family": pair.family,
        "depth": pair.depth,
        "seed": pair.seed,
        **measured,
        **{name: getattr(pair.contract, name) for name in answers},
        "configurations_differ_in": {name: list(both) for name, both in pair.fields.items()},
    }


def sentence(pairs: Sequence[Pair]) -> str:
    """Says of pairs of the same two arms what they have in common."""
    contracts = [pair.contract for pair in pairs]
    other, reference = (study.ARMS[name] for name in (contracts[0].arm, contracts[0].reference))
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


def _pair(cell, reference, matched_loss):
    networks = [
        _network.load(side.path / "train", "init", side.settings.num_examples)
        for side in (cell, reference)
    ]
    starts = [
        study.Start(side.arm.name, network.predict, network.params)
        for side, network in zip((cell, reference), networks, strict=True)
    ]
    losses = [_loss(side, matched_loss) for side in (cell, reference)]
    ours, theirs = (runs.load_config(side.path / "train") for side in (cell, reference))
    return Pair(
        cell.family,
        cell.depth,
        cell.seed,
        study.contract(*starts, networks[1].batch, loss=losses[0], reference_loss=losses[1]),
        {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]},
    )


def _loss(cell, matched_loss):
    spectrum, name = runs.Run(cell.path / "spectrum"), _grid.matched_name(matched_loss)
    return spectrum.load(name)["loss"] if spectrum.has(name) else math.nan

"""What the twins of a study have in common, measured on what its runs left behind."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

from experiments.common.network import load_network
from lsgeo import runs, study

_LEAVES = ("equal_leaves", "different_leaves", "own_leaves", "missing_leaves")
_ANSWERS = ("same_tree", "same_count", "same_weights", "same_function")


@dataclasses.dataclass
class Config:
    """Two trainings that are compared.

    Attributes:
      run: directory of the one.
      reference: directory of the other.
      arms: names of their arms.
      checkpoint: training loss at which they are compared.
      num_examples: that their functions are compared on; 0 takes all.
    """

    run: str
    reference: str
    arms: tuple[str, str]
    checkpoint: str
    num_examples: int = 0

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """What must be there."""
        return ("init",)


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
    contract: study.Contract
    fields: dict[str, tuple[Any, Any]]


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures the contract of two networks into arrays/contract.npz."""
    del progress
    opened = runs.open_run(workdir, config)
    if opened.has("contract"):
        return opened
    sides = config.run, config.reference
    networks = [load_network(side, "init", config.num_examples) for side in sides]
    starts = [
        study.Start(arm, network.predict, network.params)
        for arm, network in zip(config.arms, networks, strict=True)
    ]
    losses = [_loss(side, config) for side in sides]
    found = study.contract(*starts, networks[1].batch, loss=losses[0], reference_loss=losses[1])
    ours, theirs = (runs.load_config(side) for side in sides)
    fields = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
    stored = {"contract": json.dumps(dataclasses.asdict(found)), "fields": json.dumps(fields)}
    opened.save("contract", stored)
    return opened


def load(cells: Iterable[Any]) -> list[Pair]:
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
        found.append(Pair(*place, study.Contract(**contract), fields))
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


def _loss(run, config):
    try:
        return load_network(run, config.checkpoint, config.num_examples).value()
    except ValueError:  # It never got there.
        return math.nan

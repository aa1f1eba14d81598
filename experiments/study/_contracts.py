"""What the twins of a study have in common, measured on what its runs left behind."""

import dataclasses
import functools
import json
import math
import os

from experiments.common.network import load_network
from lsgeo import runs, study


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


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures the contract of two networks into arrays/contract.npz."""
    del progress
    opened = runs.open_run(workdir, config)
    opened.stage("contract", "", functools.partial(_compare, config))
    return opened


def _compare(config):
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
    return {"contract": json.dumps(dataclasses.asdict(found)), "fields": json.dumps(fields)}


def _loss(run, config):
    try:
        return load_network(run, config.checkpoint, config.num_examples).value()
    except ValueError:  # It never got there.
        return math.nan

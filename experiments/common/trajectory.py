"""The checkpoints of a training run, as one trajectory."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax

from experiments.common import losses
from experiments.common.network import Network, choose_checkpoints, constants_of, load_network
from experiments.common.problem import fingerprint
from lsgeo import training


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The checkpoints of one training run, one for each step, in order."""

    network: Network  # at the last checkpoint
    names: list[str]
    steps: list[int]
    points: list[Any]  # parameters
    constants: list[dict[str, Any]]  # the collections beside them
    sha256: str  # of all

    def loss(self, policy: str, constants: dict[str, Any]) -> Callable[[Any, Any], jax.Array]:
        """The loss with batch statistics of the batch, or "frozen" at those of `constants`."""
        config, train = self.network.config, policy != "frozen"
        loss = losses.data_loss(config, self.network.model, constants, train)
        return config.recipe().objective(loss)


def load_trajectory(path: str | os.PathLike, num_examples: int) -> Trajectory:
    """Loads all checkpoints of a training run; of those at one step, the first.

    Raises:
      ValueError: if there are less than three, or one is damaged or of another architecture.
    """
    names = [name for name in choose_checkpoints(path, ()) if name != "average"]
    stored = {}
    for name in names:
        checkpoint = training.load_checkpoint(path, name)
        stored.setdefault(checkpoint["step"], (name, checkpoint))
    if len(stored) < 3:
        raise ValueError(
            f"`run` {path} has checkpoints at {len(stored)} steps, {', '.join(names)}; a plane needs at "
            "least three. Train it with --config.snapshot_steps."
        )
    steps = sorted(stored)
    kept = [stored[step] for step in steps]
    network = load_network(path, kept[-1][0], num_examples)
    points = [checkpoint["params"] for _, checkpoint in kept]
    constants = [constants_of(checkpoint) for _, checkpoint in kept]
    digest = fingerprint(points, constants)
    return Trajectory(network, [name for name, _ in kept], steps, points, constants, digest)

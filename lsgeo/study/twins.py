"""Twins: networks of one description that differ in the skip, or in what stands in for it, and in nothing else.

    twins = Twins("mlp", {"depth": 8, "width": 16}, arms=("plain", "scaled"), seed=3)
    starts = twins.starts(batch, num_classes=10)
    contract(starts["scaled"], starts["plain"], batch)

What twins have in common is measured by `contract`, not taken for granted.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from lsgeo import models
from lsgeo.study.arms import ARMS, parse_arms

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Twins:
    """A comparison: everything that its arms have in common.

    Attributes:
      model: name of a family, or of a published network.
      options: of `lsgeo.models.create`, but for "num_classes" and "skip"; an arm replaces what it changes.
      arms: names of `ARMS`.
      seed: of the initial weights and of the order of the examples.
      dataset: name of the data.
      num_train: training examples; 0 takes all.
      data_seed: of the data's split and subsets.
      learning_rates: the grid in which each arm is judged at its own best.
    """

    model: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    arms: tuple[str, ...] = ("plain", "residual")
    seed: int = 0
    dataset: str = "digits"
    num_train: int = 0
    data_seed: int = 0
    learning_rates: tuple[float, ...] = ()

    def __post_init__(self):
        """Refuses arms that do not exist, and options that are the arms' own."""
        parse_arms(",".join(self.arms))
        if "skip" in self.options:
            raise ValueError(
                f"`options` hold skip={self.options['skip']!r}, which the arms choose. Leave it out."
            )

    def arm_options(self, arm: str) -> dict[str, Any]:
        """The options of one arm's model; a ValueError where the arm is not of this family."""
        chosen = ARMS[arm]
        chosen.check(self.model)
        return {**self.options, **chosen.changes}

    def create(self, arm: str, num_classes: int) -> nn.Module:
        """Creates one arm's model.

        Raises:
          ValueError: where the family cannot be built so.
        """
        return models.create(self.model, num_classes=num_classes, **self.arm_options(arm))

    def keys(self) -> tuple[jax.Array, jax.Array]:
        """The keys of the initial weights and of the order of the examples, the same for all arms."""
        weights, order = jax.random.split(jax.random.key(self.seed))
        return weights, order

    def starts(self, batch: dict[str, jax.Array], num_classes: int) -> dict[str, "Start"]:
        """Initialises all arms, with batch statistics of `batch`."""
        found = {}
        for arm in self.arms:
            model = self.create(arm, num_classes)
            variables = models.init(model, batch["image"], key=self.keys()[0])
            stats = models.reestimate_batch_stats(model, variables, batch["image"])
            params = variables.pop("params")
            found[arm] = Start(arm, models.Logits(model, {**variables, **stats}), params)
        return found


@dataclasses.dataclass(frozen=True)
class Start:
    """One arm at initialisation: `predict(params, batch)` -> logits [N, classes]."""

    arm: str
    predict: models.Logits
    params: PyTree

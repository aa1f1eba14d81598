"""Twins: networks of one description that differ in the skip, or in what stands in for it, and in nothing else.

    twins = Twins("mlp", {"depth": 8, "width": 16}, arms=("plain", "scaled"), seed=3)
    starts = twins.starts(batch, num_classes=10)
    contract(starts["scaled"], starts["plain"], batch)

What twins have in common is measured by `contract`, not taken for granted.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from lsgeo import models

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison: what it changes in a description.

    Attributes:
      name: in configurations and tables.
      label: in figures; a name of `lsgeo.plotting.ARMS`.
      phrase: in sentences, "a network ...".
      folder: in the names of directories, and in the column "skip" of a table.
      skip: its skip type.
      initializer: of its weights; "" keeps that of the description.
    """

    name: str
    label: str
    phrase: str
    folder: str
    skip: str
    initializer: str = ""

    def __str__(self) -> str:
        return self.name


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("plain", "no skip", "without skips", "none", "none"),
        Arm("residual", "skip", "with skips", "identity", "identity"),
        Arm("scaled", "scaled skip", "with scaled skips", "scaled", "scaled"),
        # Separates the skip from the initialisation that it amounts to.
        Arm(
            "identity-biased",
            "identity-biased",
            "with identity-biased weights",
            "identity-biased",
            "none",
            "identity",
        ),
        Arm("learnable", "learnable skip", "with learnable skips", "learnable", "rezero"),
        # The shortcuts of He et al. 2016, Identity mappings, section 3.1 (claim C11).
        Arm("halved", "halved skip", "with skips times 1/2", "halved", "constant(scale=0.5)"),
        Arm(
            "exclusive-gate",
            "exclusive gate",
            "with exclusive gates",
            "exclusive-gate",
            "exclusive_gate",
        ),
        Arm(
            "shortcut-gate",
            "shortcut gate",
            "with gated shortcuts",
            "shortcut-gate",
            "shortcut_gate",
        ),
        Arm("projection", "projection", "with projections as skips", "projection", "projection"),
        Arm("dropout", "dropout skip", "with dropout on the skips", "dropout", "dropout"),
        # Learned skips (claim C12). A shallow network's layer scale starts at 0.1.
        Arm("highway", "highway", "with highway gates", "highway", "highway"),
        Arm(
            "layerscale",
            "layer scale",
            "with skips and layer scale",
            "layerscale",
            "layerscale(start=0.1)",
        ),
        Arm("hyper", "hyper-connections", "with hyper-connections", "hyper", "hyper"),
        Arm("dense", "concatenation", "with concatenation", "dense", "dense"),
        Arm("mhc", "mHC", "with manifold-constrained hyper-connections", "mhc", "mhc"),
    )
}


def parse_arms(text: str) -> tuple[str, ...]:
    """Reads the arms of a comparison, "plain,residual"; the first is what the others are compared with.

    Raises:
      ValueError: if a name does not exist or comes twice, or there are fewer than two.
    """
    names = tuple(re.split(r"\s*,\s*", text.strip()))
    for name in names:
        if name not in ARMS:
            raise ValueError(
                f"Unknown name in `arms`: {name!r}. Choose from: {', '.join(ARMS)}, separated by commas."
            )
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"`arms` must name at least two arms, each once; got {text!r}.")
    return names


def arm_of(skip: str, initializer: str) -> Arm | None:
    """Finds the arm that a skip type and an initialiser make; None where they make none."""
    chosen = [arm for arm in ARMS.values() if arm.skip == skip]
    exact = [arm for arm in chosen if arm.initializer == initializer]
    return next(iter(exact or [arm for arm in chosen if not arm.initializer]), None)


@dataclasses.dataclass(frozen=True)
class Twins:
    """A comparison: everything that its arms have in common.

    Attributes:
      model: name of a family, or of a published network.
      options: of `lsgeo.models.create`, but for "num_classes" and what the arms change ("skip").
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
        """The options of one arm's model."""
        chosen = ARMS[arm]
        changed = {"initializer": chosen.initializer} if chosen.initializer else {}
        return {**self.options, "skip": chosen.skip, **changed}

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

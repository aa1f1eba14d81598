"""A trained network as the measurements want it: a loss, parameters and a batch."""

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from experiments.common.data import load_data
from experiments.common.losses import create_loss
from experiments.common.options import create_model
from experiments.common.problem import fingerprint
from lsgeo import models, runs, study, training, trees
from lsgeo.operators.evaluation import evaluate
from lsgeo.training import Description


@dataclasses.dataclass(frozen=True)
class Network:
    """One checkpoint of a training run, with the data that its loss is measured on."""

    config: Description
    model: Any
    constants: dict[str, Any]  # the collections beside the parameters
    params: Any
    batch: dict[str, jax.Array]
    num_classes: int
    step: int
    sha256: str  # of the weights and batch statistics

    @property
    def loss(self) -> Callable[[Any, Any], jax.Array]:
        """The loss in evaluation mode, with the weight decay that the landscape contains."""
        return create_loss(self.config, self.model, self.constants)

    @property
    def problem(self) -> tuple[Callable[[Any, Any], jax.Array], Any, dict[str, jax.Array]]:
        """The loss, the parameters and the batch."""
        return self.loss, self.params, self.batch

    @property
    def predict(self) -> models.Logits:
        """The logits in evaluation mode."""
        return models.Logits(self.model, self.constants)

    @property
    def arm(self) -> str:
        """How plots call it."""
        options = {f.name: getattr(self.model, f.name) for f in dataclasses.fields(self.model)}
        found = study.arm_of(**options)
        return found.label if found else "network"

    @property
    def data(self) -> dict[str, Any]:
        """The data as the operators take them."""
        return {"batch": self.batch}

    @property
    def variables(self) -> dict[str, Any]:
        """All collections, as the model takes them."""
        return {"params": self.params, **self.constants}

    @property
    def chance_loss(self) -> float:
        """The loss of a uniform guess; NaN where the loss is of no guess."""
        return math.log(self.num_classes) if self.config.loss == "cross_entropy" else math.nan

    def value(self) -> float:
        """The loss in evaluation mode."""
        return float(evaluate(*self.problem))


def load_network(run: str | os.PathLike, checkpoint: str, num_examples: int = 0) -> Network:
    """Loads a checkpoint and the first `num_examples` training examples (0 takes all).

    Raises:
      ValueError: if `run` is no training run, the checkpoint is not there, damaged or of another
        architecture than the run's configuration, or there are not so many examples.
    """
    trained = training_config(run)
    stored = training.load_checkpoint(run, checkpoint)
    dataset = load_data(trained)
    there = len(dataset.train["image"])
    if not 0 <= num_examples <= there:
        raise ValueError(f"`num_examples` must be 0 to {there}; got {num_examples}.")
    count = num_examples or there
    batch = {name: jnp.asarray(part[:count]) for name, part in dataset.train.items()}
    constants = constants_of(stored)
    model = create_model(trained, dataset)
    _check_shapes(f"{run}, checkpoint {checkpoint}", stored, models.shapes(model, batch["image"]))
    others = [part for name, part in sorted(constants.items()) if name != "batch_stats"]
    digest = fingerprint(stored["params"], stored["batch_stats"], *others)
    return Network(
        trained,
        model,
        constants,
        stored["params"],
        batch,
        num_classes=dataset.num_outputs,
        step=stored["step"],
        sha256=digest,
    )


def constants_of(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The collections of a checkpoint beside its parameters, without empty ones."""
    fields = ("params", "step", "loss")
    return {name: part for name, part in checkpoint.items() if name not in fields and part}


def _check_shapes(where, stored, like):
    for collection in ("params", "batch_stats"):
        there, here = (_shapes(side.get(collection, {})) for side in (stored, like))
        for name in sorted(there.keys() | here.keys()):
            one, other = there.get(name, "missing"), here.get(name, "missing")
            if one != other:
                raise ValueError(
                    f"{where} is of another architecture than the run's configuration: {name} is {one} in "
                    f"the checkpoint and {other} in the model. Train the run again in a new directory."
                )


def _shapes(tree):
    flat = jax.tree_util.tree_leaves_with_path(tree)
    return {trees.path_name(path): str(list(leaf.shape)) for path, leaf in flat}


def top_chain(blocks: Sequence[models.BlockFunction]) -> Sequence[models.BlockFunction]:
    """The blocks above the last change of the stream's shape; none where the last one changes it."""
    first = max((i + 1 for i, block in enumerate(blocks) if not block.keeps_shape), default=0)
    return blocks[first:]


def choose_checkpoints(run: str | os.PathLike, wanted: tuple[str, ...]) -> list[str]:
    """Returns the checkpoints of `run` among `wanted`, in the order of training; () takes all.

    A network that never reached a loss has no such checkpoint; that is a result, not an error.

    Raises:
      ValueError: if `run` is no training run, has none of them, or a name can be no checkpoint's.
    """
    config = training_config(run)
    possible = config.recipe().snapshot_names
    for name in wanted:
        if name not in possible:
            raise ValueError(
                f"`checkpoints` holds {name!r}, which {run} can never have; choose from: "
                f"{', '.join(possible)}."
            )
    there = training.checkpoints(run)
    chosen = [name for name in there if not wanted or name in wanted]
    if not chosen:
        raise ValueError(
            f"`run` {run} has none of the checkpoints {', '.join(wanted) or '(any)'}; there are: "
            f"{', '.join(there) or 'none'}. Train it first, with checkpoints."
        )
    return chosen


def training_config(run: str | os.PathLike) -> Description:
    """Reads the configuration of a training run.

    Raises:
      ValueError: if `run` is no training run.
    """
    if not run:
        raise ValueError("`run` must be the directory of a training run; got nothing.")
    try:
        return Description(**runs.load_config(run))
    except TypeError as error:
        raise ValueError(f"`run` {run} is no run of experiments.train ({error}).") from error

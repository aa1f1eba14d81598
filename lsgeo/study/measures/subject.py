"""What a measure is given."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from lsgeo import models

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Subject:
    """One network at one reading.

    Attributes:
      model: the Flax module.
      constants: its collections beside the parameters, such as frozen batch statistics.
      params: its parameters.
      loss: `loss(params, batch) -> scalar` in evaluation mode, the landscape that it was trained on.
      batch: the training examples that are measured on, {"image": [N, ...], "label": [N]}.
      test: the test examples, as `batch`.
      num_classes: of the data.
      reading: "init", "matched" (at the common training loss) or "end".
      key: typed random key, the same for all arms of a seed.
      retrained: `retrained(k)` gives parameters and constants of another network of this description, trained
        from the k-th other initial weights (k = 1, 2, ...) to this reading. None where it never got there.
      limit: curvature at which the optimiser's steps stop shrinking, for full batches at a constant rate; NaN
        where there is no such number.
      at_rate: `at_rate(share)` gives parameters of this network, trained at that share of its learning rate to
        this reading, and the optimiser's stability limit there. None where it never got there.
      initial: `initial()` gives the parameters that the network started with; None where they are not known.
    """

    model: nn.Module
    constants: Mapping[str, Any]
    params: PyTree
    loss: Callable[[PyTree, PyTree], jax.Array]
    batch: dict[str, jax.Array]
    test: dict[str, jax.Array]
    num_classes: int
    reading: str
    key: jax.Array
    retrained: Callable[[int], tuple[PyTree, Mapping[str, Any]] | None]
    limit: float = math.nan
    at_rate: Callable[[float], tuple[PyTree, float] | None] = lambda share: None
    initial: Callable[[], PyTree] | None = None

    @property
    def variables(self) -> dict[str, Any]:
        """All collections, as Flax takes them."""
        return {"params": self.params, **self.constants}

    @property
    def predict(self) -> models.Logits:
        """`predict(params, batch)` -> logits [N, classes], in evaluation mode."""
        return models.Logits(self.model, self.constants)


def first_examples(batch: Mapping[str, jax.Array], count: int) -> dict[str, jax.Array]:
    """The first `count` examples of a batch."""
    return {name: array[:count] for name, array in batch.items()}


def finite_mean(values: Any) -> float:
    """The mean of what is finite, NaN without any: where all units are dead there is no Jacobian."""
    values = np.asarray(values, np.float64)
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else math.nan

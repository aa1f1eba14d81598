"""Cross-entropy and logits as pytrees that are called like functions.

The module is static and the batch statistics are leaves, so that checkpoints and seeds pass through
one compiled function:

    loss = CrossEntropy(model, {"batch_stats": stats})  # loss(params, batch) -> scalar
    predict = Logits(model, {"batch_stats": stats})
    cross_entropy(predict(params, batch), batch)  # the same scalar
"""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo import trees

PyTree = Any
Batch = dict[str, jax.Array]

_pytree = functools.partial(trees.register_dataclass, meta=("model", "train"))


@_pytree
@dataclasses.dataclass(frozen=True)
class Logits:
    """`predict(params, batch)` -> logits [N, classes] of a model.

    Attributes:
      model: Flax Linen module.
      constants: the collections beside the parameters, {"batch_stats": ...} or {}.
      train: False is evaluation mode, with the statistics of `constants`; True normalises each
        batch by its own statistics (the policy "batch") and leaves `constants` alone.
    """

    model: nn.Module
    constants: PyTree = dataclasses.field(default_factory=dict)
    train: bool = False

    def __call__(self, params: PyTree, batch: Batch) -> jax.Array:
        """Returns the logits of a batch."""
        variables = {"params": params, **self.constants}
        mutable = ["batch_stats"] if self.train else []
        logits, _ = self.model.apply(variables, batch["image"], train=self.train, mutable=mutable)
        return logits


@_pytree
@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """`loss(params, batch)` -> mean over the examples of -log softmax(logits)[label], in nats.

    Attributes: those of `Logits`.
    """

    model: nn.Module
    constants: PyTree = dataclasses.field(default_factory=dict)
    train: bool = False

    def __call__(self, params: PyTree, batch: Batch) -> jax.Array:
        """Returns the mean loss of a batch."""
        logits = Logits(self.model, self.constants, self.train)(params, batch)
        return cross_entropy(logits, batch)


def cross_entropy(outputs: jax.Array, batch: Batch) -> jax.Array:
    """Mean over the examples of -log softmax(outputs)[label]; outputs [N, classes], in nats."""
    # A mask, not a gather: the gather's transpose is a scatter, which is slow on every backend.
    true_class = batch["label"][:, None] == jnp.arange(outputs.shape[-1])[None, :]
    return -jnp.where(true_class, jax.nn.log_softmax(outputs), 0).sum(-1).mean()


def accuracy(outputs: jax.Array, batch: Batch) -> jax.Array:
    """Share of the examples whose largest output [N, classes] is at the label's place."""
    return (outputs.argmax(-1) == batch["label"]).mean(dtype=outputs.dtype)

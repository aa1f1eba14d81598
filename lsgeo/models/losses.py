"""Losses and outputs of a model as pytrees that are called like functions.

The module is static and the batch statistics are leaves, so that checkpoints and seeds pass through
one compiled function:

    loss = CrossEntropy(model, {"batch_stats": stats})  # loss(params, batch) -> scalar
    predict = Logits(model, {"batch_stats": stats})
    cross_entropy(predict(params, batch), batch)  # the same scalar

Without a key nothing is random. `loss(params, batch, key=key)` draws the random parts of the model
(dropout, stochastic depth) from the stream "dropout"; a model has none of them where there is no
such stream.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import whole_labels
from lsgeo.models.variables import in_dtype_of
from lsgeo.trees import PyTree

Batch = dict[str, jax.Array]


@trees.frozen
class Logits:
    """`predict(params, batch)` -> logits [N, classes] of a model.

    Attributes:
      model: Flax Linen module.
      constants: the collections beside the parameters, {"batch_stats": ...} or {}.
      train: False is evaluation mode, with the statistics of `constants`; True normalises each
        batch by its own statistics (the policy "batch") and leaves `constants` alone.
    """

    model: nn.Module = trees.static()
    constants: PyTree = dataclasses.field(default_factory=dict)
    train: bool = trees.static(default=False)

    def __call__(self, params: PyTree, batch: Batch, *, key: jax.Array | None = None) -> jax.Array:
        """Returns the logits of a batch; `key` is for the random parts of training alone."""
        variables = {"params": params, **self.constants}
        mutable = ["batch_stats"] if self.train else []
        rngs = None if key is None else {"dropout": key}
        images = in_dtype_of(params, batch["image"])
        logits, _ = self.model.apply(
            variables, images, train=self.train, mutable=mutable, rngs=rngs
        )
        return logits


@trees.frozen
class CrossEntropy(Logits):
    """`loss(params, batch)` -> mean over the examples of -log softmax(logits)[label], in nats.

    Attributes: those of `Logits`, and
      smoothing: label smoothing, see `cross_entropy`.
    """

    smoothing: float = trees.static(default=0.0)

    def __post_init__(self):
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"`smoothing` must be at least 0 and below 1; got {self.smoothing}.")

    def __call__(self, params: PyTree, batch: Batch, *, key: jax.Array | None = None) -> jax.Array:
        """Returns the mean loss of a batch."""
        logits = super().__call__(params, batch, key=key)
        return cross_entropy(logits, batch, smoothing=self.smoothing)


@trees.frozen
class SquaredError(Logits):
    """`loss(params, batch)` -> mean over the examples of 1/2 ||f(x) - y||^2.

    The loss of Cohen et al. (2021, edge of stability): it sums over the outputs and averages over the
    examples only, so that its Gauss-Newton matrix is the mean of J'J.

    Attributes: those of `Logits`.
    """

    def __call__(self, params: PyTree, batch: Batch, *, key: jax.Array | None = None) -> jax.Array:
        """Returns the mean loss of a batch."""
        return squared_error(super().__call__(params, batch, key=key), batch)


def cross_entropy(outputs: jax.Array, batch: Batch, *, smoothing: float = 0.0) -> jax.Array:
    """Mean over the examples of -sum_k q_k log softmax(outputs)_k, in nats.

    Args:
      outputs: logits [N, classes], or [N, T, classes] with labels [N, T]: then the mean over all positions.
      batch: {"label": [N] whole numbers}, of which q is the one-hot vector; or {"target": [N, classes]
        class probabilities q}, such as those of mixed examples.
      smoothing: s of Szegedy et al. (2016, section 7): q becomes (1 - s) q + s / classes.

    Raises:
      ValueError: for labels or targets of another shape, and labels that are no whole numbers.
    """
    if smoothing or "target" in batch:
        targets = (1 - smoothing) * _targets(outputs, batch) + smoothing / outputs.shape[-1]
        return -(targets * jax.nn.log_softmax(outputs)).sum(-1).mean()
    # A mask, not a gather: the gather's transpose is a scatter, which is slow on every backend.
    label = _labels(outputs, batch)[..., None]
    classes = jnp.arange(outputs.shape[-1], dtype=label.dtype)
    true_class = label == classes.reshape((1,) * (outputs.ndim - 1) + (-1,))
    return -jnp.where(true_class, jax.nn.log_softmax(outputs), 0).sum(-1).mean()


def squared_error(outputs: jax.Array, batch: Batch) -> jax.Array:
    """Mean over the examples of 1/2 sum_k (outputs_k - y_k)^2.

    Args:
      outputs: [N, K].
      batch: {"target": y [N, K]}, or without it "label" [N], of which y is the one-hot vector.

    Raises:
      ValueError: as `cross_entropy`.
    """
    return ((outputs - _targets(outputs, batch)) ** 2).sum(-1).mean() / 2


def accuracy(outputs: jax.Array, batch: Batch) -> jax.Array:
    """Share of the examples whose largest output [N, classes] is at the label's place; a bad label raises."""
    label = _labels(outputs, batch)
    return (jnp.argmax(outputs, -1).astype(label.dtype) == label).mean(dtype=outputs.dtype)


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuses labels that no output stands for: a compiled loss cannot.

    Args:
      labels: [N], on the host.
      num_classes: outputs of the model.

    Raises:
      ValueError: if a label is no whole number from 0 to num_classes - 1; names the first one.
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"`labels` must be whole numbers; got dtype {labels.dtype}.")
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(wrong):
        raise ValueError(
            f"`labels` must be 0 to {num_classes - 1}, for {num_classes} classes; example {wrong[0]} has "
            f"{labels[wrong[0]]}. Correct the labels, or give the model more classes."
        )


def _labels(outputs, batch):
    return whole_labels(batch["label"], outputs.shape[:-1])


def _targets(outputs, batch):
    if "target" in batch:
        target = jnp.asarray(batch["target"])
        if target.shape != outputs.shape:
            raise ValueError(
                f"`target` must have the shape of the outputs, {list(outputs.shape)}; got "
                f"{list(target.shape)}. Reshape it: broadcast, each output would meet every target."
            )
        return target.astype(outputs.dtype)
    return jax.nn.one_hot(_labels(outputs, batch), outputs.shape[-1], dtype=outputs.dtype)

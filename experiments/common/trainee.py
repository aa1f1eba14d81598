"""A training before its first step: what its description names."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.common import losses
from experiments.common.data import check_task, load_data
from experiments.common.fields import check_choice
from experiments.common.options import create_model
from lsgeo import data, models
from lsgeo.training import Description

_MODES = {"none": "", "crop-flip": "constant", "reflect-flip": "reflect"}


class Trainee:
    """The data, the network and its start; nothing is made before it is asked for.

    Attributes:
      config: the description.
      order_key: random key of the order of the examples.
    """

    def __init__(self, config: Description):
        self.config = config
        self._weights_key, self.order_key = jax.random.split(jax.random.key(config.seed))

    def check(self) -> None:
        """Raises a ValueError for a bad field, before anything is initialised."""
        recipe = self.config.recipe()
        check_task(self.config, self.dataset)
        recipe.check_size(len(self.dataset.train["image"]))
        losses.data_loss(self.config, self.model, {})
        self.changes()

    @functools.cached_property
    def dataset(self) -> data.Dataset:
        """The data."""
        return load_data(self.config)

    @functools.cached_property
    def batch(self) -> dict[str, jax.Array]:
        """All training examples."""
        return jax.tree.map(jnp.asarray, self.dataset.train)

    @functools.cached_property
    def model(self) -> Any:
        """The network."""
        return create_model(self.config, self.dataset)

    @functools.cached_property
    def start(self) -> tuple[Any, dict[str, Any]]:
        """The initial parameters, and the collections beside them."""
        variables = models.init(self.model, self.batch["image"], key=self._weights_key)
        return variables.pop("params"), variables

    @property
    def loss(self) -> Any:
        """The loss that is trained on, without weight decay."""
        return losses.data_loss(self.config, self.model, self.start[1], train=True)

    def changes(self) -> dict[str, Any]:
        """What happens to the mini-batches, as `lsgeo.training.fit` takes it."""
        check_choice(self.config, augment=_MODES)
        return {
            "augment": _augment(self.config.augment),
            "mix": _mix(self.config.mixup, self.dataset.num_classes),
            "random": models.is_random(self.model),
        }

    def options(self) -> dict[str, Any]:
        """The changes and, where the steps' own losses are not it, how the training loss is measured."""
        changes = self.changes()
        measured = self.config.batch_size or any(changes.values())
        evaluate = (lambda params: self.measure(params, self.batch)[0]) if measured else None
        return {"evaluate": evaluate, **changes}

    def constants(self, params: Any) -> dict[str, Any]:
        """The collections beside some parameters, batch statistics re-estimated."""
        images = [part["image"] for part in losses.parts(self.batch, self.config.eval_batch_size)]
        stats = models.reestimate_batch_stats(
            self.model,
            {"params": params, **self.start[1]},
            images[0] if len(images) == 1 else images,
            passes=self.config.stats_passes,
        )
        return {**self.start[1], **stats}

    def measure(self, params: Any, batch: Any) -> list[float]:
        """Loss and accuracy of all examples of a batch, in parts weighted by their sizes."""
        config, totals = self.config, [0.0, 0.0]
        predict = models.Logits(self.model, self.constants(params))
        for part in losses.parts(batch, config.eval_batch_size):
            values = losses.evaluate(predict, params, part, config.loss, config.label_smoothing)
            share = len(part["image"]) / len(batch["image"])
            totals = [a + share * float(b) for a, b in zip(totals, values, strict=True)]
        return totals


@functools.cache
def _augment(name: str) -> Callable[..., jax.Array] | None:
    mode = _MODES[name]
    return functools.partial(data.augment, padding=4, mode=mode) if mode else None


@functools.cache
def _mix(alpha: float, num_classes: int) -> Callable[..., Any] | None:
    if alpha < 0:
        raise ValueError(f"`mixup` must be 0 or positive; got {alpha}.")
    return functools.partial(data.mixup, num_classes=num_classes, alpha=alpha) if alpha else None

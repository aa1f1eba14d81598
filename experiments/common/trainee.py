"""A training before its first step: what its description names."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from experiments.common import augmentation, losses
from experiments.common.data import check_task, load_data
from experiments.common.options import create_model
from lsgeo import data, models
from lsgeo.training import Description


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
        return {
            "augment": augmentation.augment(self.config.augment),
            "mix": augmentation.mix(self.config.mixup, self.dataset.num_classes),
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
        return losses.constants(self.config, self.model, self.start[1], self.batch, params)

    def measure(self, params: Any, batch: Any) -> list[float]:
        """Loss and accuracy of all examples of a batch."""
        return losses.measure(self.config, self.model, self.constants, params, batch)

"""The model of a configuration."""

from typing import Any

from lsgeo import data, models

# What a comparison changes in a published network.
STUDIED = ("skip", "norm", "activation", "initializer")


def create_model(config: Any, dataset: data.Dataset) -> Any:
    """Creates the model of a configuration.

    Raises:
      ValueError: for an option that does not exist, is given twice, or contradicts another one or the
        size that a published network has.
    """
    options = models.options_of(config)
    published = models.PUBLISHED.get(config.model)
    for name, value in published.options.items() if published else ():
        if name not in STUDIED and options.get(name, value) != value:
            raise ValueError(
                f"`{name}` is {options[name]!r}, but {config.model} has {value!r}. Leave it out, or set "
                f"`model` to {published.family!r}."
            )
    return models.create(config.model, num_classes=dataset.num_outputs, **options)

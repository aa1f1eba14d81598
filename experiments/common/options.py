"""The options of a model as a configuration spells them: its own fields, and `options` for the rest."""

from typing import Any

from lsgeo import data, models
from lsgeo.models import spelling

# Fields that are options of the model, and those that a comparison changes in a published network.
FIELDS = ("depth", "width", "skip", "norm", "activation", "initializer")
STUDIED = ("skip", "norm", "activation", "initializer")


def create_model(config, dataset: data.Dataset):
    """Creates the model of a configuration.

    Raises:
      ValueError: for an option that does not exist, is given twice, or contradicts another one or the
        size that a published network has.
    """
    options = model_options(config)
    published = models.PUBLISHED.get(config.model)
    for name, value in published.options.items() if published else ():
        if name not in STUDIED and options.get(name, value) != value:
            raise ValueError(
                f"`{name}` is {options[name]!r}, but {config.model} has {value!r}. Leave it out, or set "
                f"`model` to {published.family!r}."
            )
    return models.create(config.model, num_classes=dataset.num_outputs, **options)


def model_options(config, **fields) -> dict[str, Any]:
    """Reads the model's options out of a configuration: its fields, `options`, and further `fields`.

    Raises:
      ValueError: if an option is given twice, or is not the configuration's to choose.
    """
    options = spelling.options(config.options)
    if "num_classes" in options:
        raise ValueError("`options` hold num_classes, which the data decide. Leave it out.")
    for name in FIELDS:
        value = fields.get(name, getattr(config, name, ""))
        if value and name in options:
            raise ValueError(
                f"`{name}` is given twice, as {value!r} and in `options` as {options[name]!r}. Leave one "
                "out."
            )
        if value:
            options[name] = value
    return options


def model_fields(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration whose model has these options, see `model_options`."""
    rest = ", ".join(f"{name}={v!r}" for name, v in options.items() if name not in FIELDS)
    return {
        "model": model,
        **{name: options[name] for name in FIELDS if name in options},
        "options": rest,
    }

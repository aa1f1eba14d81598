"""The options of a model as a configuration spells them: its own fields, and `options` for the rest."""

from typing import Any

from lsgeo.models import spelling

FIELDS = ("depth", "width", "skip", "norm", "activation", "initializer")


def options_of(config: Any, **fields: Any) -> dict[str, Any]:
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


def fields_of(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration whose model has these options, see `options_of`."""
    rest = ", ".join(f"{name}={v!r}" for name, v in options.items() if name not in FIELDS)
    return {
        "model": model,
        **{name: options[name] for name in FIELDS if name in options},
        "options": rest,
    }

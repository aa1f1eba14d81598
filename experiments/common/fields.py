"""Checks that the fields of several configurations have in common; each error names the field."""

import math
from collections.abc import Iterable
from typing import Any


def check_least(config: Any, **least: float) -> None:
    """Raises a ValueError unless each field is at least the number given for it."""
    for name, number in least.items():
        if getattr(config, name) < number:
            raise ValueError(f"`{name}` must be at least {number}; got {getattr(config, name)}.")


def check_positive(config: Any, *names: str) -> None:
    """Raises a ValueError unless each field is positive and finite."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"`{name}` must be positive; got {getattr(config, name)}.")


def check_names(config: Any, **choices: Iterable[str]) -> None:
    """Raises a ValueError unless all in each field are among the names given for it."""
    for field, known in choices.items():
        for name in getattr(config, field):
            if name not in known:
                raise ValueError(
                    f"Unknown name in `{field}`: {name!r}. Choose from: {', '.join(known)}."
                )


def check_choice(config: Any, **choices: Iterable[str]) -> None:
    """Raises a ValueError unless each field is one of the names given for it."""
    for name, known in choices.items():
        if getattr(config, name) not in known:
            raise ValueError(
                f"Unknown `{name}`: {getattr(config, name)!r}. Choose one of: {', '.join(known)}."
            )

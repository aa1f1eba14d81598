"""What an arm is: one side of a comparison, as a record."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from lsgeo import plotting
from lsgeo.models import PUBLISHED, skips
from lsgeo.models.families import densenet
from lsgeo.models.initializers import INITS
from lsgeo.plotting import Style


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison: what it changes in a description, and how it is called and drawn.

    Attributes:
      name: in configurations and tables.
      label: in figures.
      phrase: in sentences, "a network ...".
      skip: its skip type.
      style: in figures: colour, marker and line.
      dark: its colour on a dark page.
      initializer: of its weights; "" keeps that of the description.
      options: further options of the model that it changes, as pairs.
      models: families of models that it is of; () is all that can be built so.
      folder: in the names of directories, and in the column "skip" of a table; "" is its name.
      ink: its colour on a light page, where text has it too; "" is that of the style.
    """

    name: str
    label: str
    phrase: str
    skip: str
    style: Style
    dark: str
    initializer: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    models: tuple[str, ...] = ()
    folder: str = ""
    ink: str = ""

    def __post_init__(self):
        """Refuses a skip type and an initialiser that there are not; fills what is left out."""
        if self.skip not in densenet.SKIPS:  # Concatenation is that family's own.
            skips.parse(self.skip)
        if self.initializer and self.initializer not in INITS:
            raise ValueError(
                f"`initializer` of the arm {self.name} is {self.initializer!r}. Choose from: "
                f"{', '.join(INITS)}."
            )
        object.__setattr__(self, "folder", self.folder or self.name)
        object.__setattr__(self, "ink", self.ink or self.style.color)

    def __str__(self) -> str:
        return self.name

    @property
    def changes(self) -> dict[str, Any]:
        """The options of the model that it chooses."""
        own = {"initializer": self.initializer} if self.initializer else {}
        return {"skip": self.skip, **own, **dict(self.options)}

    def check(self, model: str) -> None:
        """Raises a ValueError for a model whose options mean something else than the arm says."""
        family = PUBLISHED[model].family if model in PUBLISHED else model
        if self.models and family not in self.models:
            raise ValueError(
                f"`arms` hold {self.name}, which is an arm of {' and '.join(self.models)} alone; got the "
                f"model {model}. Leave it out there."
            )


def registry(arms: Iterable[Arm]) -> dict[str, Arm]:
    """Arms by name; their looks become those of their labels in every figure.

    Raises:
      ValueError: if two have one name, label or folder.
    """
    found: dict[str, Arm] = {}
    for arm in arms:
        for other in found.values():
            for field in ("name", "label", "folder"):
                if getattr(arm, field) == getattr(other, field):
                    raise ValueError(
                        f"`{field}` {getattr(arm, field)!r} is that of two arms. Give each its own."
                    )
        found[arm.name] = arm
        plotting.ARMS[arm.label] = arm.style
    return found

"""Arms: the sides of a comparison. Each is one record; nothing else keeps a list of them."""

import dataclasses
import re
from collections.abc import Iterable

from lsgeo import plotting
from lsgeo.models import skips
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


def _registry(arms: Iterable[Arm]) -> dict[str, Arm]:
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


# The first five colours are Okabe and Ito's, told apart with every common colour blindness (Wong 2011); the
# others are as far as possible from all others in OKLab, with a contrast of 3 to white.
ARMS: dict[str, Arm] = _registry(
    (
        Arm(
            "plain",
            "no skip",
            "without skips",
            "none",
            Style("#d55e00", "s", (0, (5, 1.5))),
            "#f08a3c",
            folder="none",
            ink="#b54d00",
        ),
        Arm(
            "residual",
            "skip",
            "with skips",
            "identity",
            Style("#0072b2", "o", "-"),
            "#56b4e9",
            folder="identity",
        ),
        Arm(
            "scaled",
            "scaled skip",
            "with scaled skips",
            "scaled",
            Style("#009e73", "^", (0, (1.5, 1.2))),
            "#2fc795",
            ink="#00835f",
        ),
        # Separates the skip from the initialisation that it amounts to.
        Arm(
            "identity-biased",
            "identity-biased",
            "with identity-biased weights",
            "none",
            Style("#e69f00", "v", (0, (4, 1.2, 1, 1.2))),
            "#f0b73c",
            initializer="identity",
            ink="#8a5a00",
        ),
        Arm(
            "learnable",
            "learnable skip",
            "with learnable skips",
            "rezero",
            Style("#cc79a7", "P", (0, (6, 2, 2, 2))),
            "#dd93bd",
            ink="#b0568a",
        ),
        # The shortcuts of He et al. 2016, Identity mappings, section 3.1 (claim C11).
        Arm(
            "halved",
            "halved skip",
            "with skips times 1/2",
            "constant(scale=0.5)",
            Style("#753a07", "<", (0, (8, 2))),
            "#e7a376",
        ),
        Arm(
            "exclusive-gate",
            "exclusive gate",
            "with exclusive gates",
            "exclusive_gate",
            Style("#0e6918", ">", (0, (8, 2, 1.5, 2))),
            "#73c573",
        ),
        Arm(
            "shortcut-gate",
            "shortcut gate",
            "with gated shortcuts",
            "shortcut_gate",
            Style("#815ffa", "p", (0, (3, 1))),
            "#9582fc",
        ),
        Arm(
            "projection",
            "projection",
            "with projections as skips",
            "projection",
            Style("#887626", "h", (0, (3, 3))),
            "#ad9b4d",
        ),
        Arm(
            "dropout",
            "dropout skip",
            "with dropout on the skips",
            "dropout",
            Style("#9d515c", "8", (0, (1, 3))),
            "#d88690",
        ),
        # Learned skips (claim C12). A shallow network's layer scale starts at 0.1.
        Arm(
            "highway",
            "highway",
            "with highway gates",
            "highway",
            Style("#0026b4", "*", (0, (10, 2, 3, 2))),
            "#9abafc",
        ),
        Arm(
            "layerscale",
            "layer scale",
            "with skips and layer scale",
            "layerscale(start=0.1)",
            Style("#114a57", "d", (0, (3, 1, 1, 1, 1, 1))),
            "#8fc5d4",
        ),
        Arm(
            "hyper",
            "hyper-connections",
            "with hyper-connections",
            "hyper",
            Style("#bd0782", (4, 1, 0), (0, (6, 1, 1, 1, 1, 1))),
            "#fd58b9",
        ),
        Arm(
            "dense",
            "concatenation",
            "with concatenation",
            "dense",
            Style("#00756f", "X", (0, (2, 1, 6, 1))),
            "#4fd1c5",
        ),
        Arm(
            "mhc",
            "mHC",
            "with manifold-constrained hyper-connections",
            "mhc",
            Style("#73154f", (3, 1, 0), (0, (12, 2))),
            "#fc94ca",
        ),
    )
)


def parse_arms(text: str) -> tuple[str, ...]:
    """Reads the arms of a comparison, "plain,residual"; the first is what the others are compared with.

    Raises:
      ValueError: if a name does not exist or comes twice, or there are fewer than two.
    """
    names = tuple(re.split(r"\s*,\s*", text.strip()))
    for name in names:
        if name not in ARMS:
            raise ValueError(
                f"Unknown name in `arms`: {name!r}. Choose from: {', '.join(ARMS)}, separated by commas."
            )
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"`arms` must name at least two arms, each once; got {text!r}.")
    return names


def arm_of(skip: str, initializer: str) -> Arm | None:
    """Finds the arm that a skip type and an initialiser make; None where they make none."""
    chosen = [arm for arm in ARMS.values() if arm.skip == skip]
    exact = [arm for arm in chosen if arm.initializer == initializer]
    return next(iter(exact or [arm for arm in chosen if not arm.initializer]), None)

"""Arms: the sides of a comparison, each one record."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison: what it changes in a description.

    Attributes:
      name: in configurations and tables.
      label: in figures; a name of `lsgeo.plotting.ARMS`.
      phrase: in sentences, "a network ...".
      folder: in the names of directories, and in the column "skip" of a table.
      skip: its skip type.
      initializer: of its weights; "" keeps that of the description.
    """

    name: str
    label: str
    phrase: str
    folder: str
    skip: str
    initializer: str = ""

    def __str__(self) -> str:
        return self.name


ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("plain", "no skip", "without skips", "none", "none"),
        Arm("residual", "skip", "with skips", "identity", "identity"),
        Arm("scaled", "scaled skip", "with scaled skips", "scaled", "scaled"),
        # Separates the skip from the initialisation that it amounts to.
        Arm(
            "identity-biased",
            "identity-biased",
            "with identity-biased weights",
            "identity-biased",
            "none",
            "identity",
        ),
        Arm("learnable", "learnable skip", "with learnable skips", "learnable", "rezero"),
        # The shortcuts of He et al. 2016, Identity mappings, section 3.1 (claim C11).
        Arm("halved", "halved skip", "with skips times 1/2", "halved", "constant(scale=0.5)"),
        Arm(
            "exclusive-gate",
            "exclusive gate",
            "with exclusive gates",
            "exclusive-gate",
            "exclusive_gate",
        ),
        Arm(
            "shortcut-gate",
            "shortcut gate",
            "with gated shortcuts",
            "shortcut-gate",
            "shortcut_gate",
        ),
        Arm("projection", "projection", "with projections as skips", "projection", "projection"),
        Arm("dropout", "dropout skip", "with dropout on the skips", "dropout", "dropout"),
        # Learned skips (claim C12). A shallow network's layer scale starts at 0.1.
        Arm("highway", "highway", "with highway gates", "highway", "highway"),
        Arm(
            "layerscale",
            "layer scale",
            "with skips and layer scale",
            "layerscale",
            "layerscale(start=0.1)",
        ),
        Arm("hyper", "hyper-connections", "with hyper-connections", "hyper", "hyper"),
        Arm("dense", "concatenation", "with concatenation", "dense", "dense"),
        Arm("mhc", "mHC", "with manifold-constrained hyper-connections", "mhc", "mhc"),
    )
}


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

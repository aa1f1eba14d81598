"""Arms: the sides of a comparison. Each is one record; nothing else keeps a list of them."""

import re
from typing import Any

from lsgeo.study.arms.records import Arm, registry
from lsgeo.study.arms.replacements import NORMS, STARTS
from lsgeo.study.arms.scales import FACTORS, LENGTHS, POWERS
from lsgeo.study.arms.skips import SKIPS

ARMS: dict[str, Arm] = registry((*SKIPS, *FACTORS, *POWERS, *LENGTHS, *STARTS, *NORMS))

__all__ = ["ARMS", "Arm", "arm_of", "parse_arms", "registry"]


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


def arm_of(skip: str, **options: Any) -> Arm | None:
    """Finds the arm that a skip type and other options of a model make; None where they make none.

    Of several, the one that changes most: weights that start near the identity make a plain network the arm
    "identity-biased".
    """
    there = {"skip": skip, **options}
    found = [arm for arm in ARMS.values() if arm.changes.items() <= there.items()]
    return max(found, key=lambda arm: len(arm.changes), default=None)

"""The networks of `experiments.terrain`: several seeds, and their twins."""

import math
import os
from typing import Any

from experiments.common import twins
from experiments.common.fields import check_least
from experiments.common.network import Network, load_network
from experiments.common.steps import Progress
from experiments.terrain import _planes
from lsgeo import runs

SIDES = ("runs", "twins")


def check(config: Any) -> None:
    """Raises a ValueError for a bad field."""
    widest = max(config.windows, default=3)
    check_least(config, num_seeds=1, planes=1, resolution=widest)
    if not 0 < config.extent < math.inf:
        raise ValueError(f"`extent` must be positive and finite; got {config.extent}.")
    if not config.steps or not 0 < min(config.steps) <= max(config.steps) < math.inf:
        raise ValueError(f"`steps` must be positive and finite; got {config.steps}.")
    first, second = (_split(getattr(config, side)) for side in SIDES)
    if second and len(first) != len(second):
        raise ValueError(
            f"`runs` and `twins` must be pairs; got {len(first)} and {len(second)} directories."
        )
    if not first and config.twin_skip == config.network.skip:
        raise ValueError(
            f"`twin_skip` is the skip of `network` itself, {config.twin_skip!r}; twins differ in it."
        )
    _planes.check(config)


def _split(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def load(
    config: Any, workdir: str | os.PathLike, progress: Progress | None
) -> dict[str, list[Network]]:
    """Loads the networks of both sides, or trains them first; each must be of one kind, and of two."""
    paths = {side: part for side in SIDES if (part := _split(getattr(config, side)))}
    if not paths:
        paths = _trained(config, runs.open_run(workdir, config), progress)
    sides = {
        side: [load_network(path, config.checkpoint, config.num_examples) for path in part]
        for side, part in paths.items()
    }
    kinds = {side: sorted({network.arm for network in part}) for side, part in sides.items()}
    for side, found in kinds.items():
        if len(found) > 1:
            raise ValueError(
                f"`{side}` are networks of several kinds, {found}; give one kind each."
            )
    if len(kinds) == 2 and kinds["runs"] == kinds["twins"]:
        raise ValueError(
            f"`runs` and `twins` are both networks with {kinds['runs'][0]!r}; twins differ in their skip."
        )
    return sides


def _trained(config, opened, progress):
    found, first = {}, config.network.seed
    for side, skip in zip(SIDES, (config.network.skip, config.twin_skip), strict=True):
        fields = [{"skip": skip, "seed": first + k} for k in range(config.num_seeds)]
        variants = {f"{side}_{k}": one for k, one in enumerate(fields)}
        found[side] = twins.trained(opened, config.network, variants, progress).values()
    return found

"""From where `experiments.critical_points` searches, and by which methods."""

import dataclasses
import os
from typing import Any

from experiments.common import twins
from experiments.common.fields import check_least
from experiments.common.network import choose_checkpoints
from experiments.common.steps import Progress
from lsgeo import geometry, runs, study
from lsgeo.checks import check_fraction

TOLERANCES = ("gradient_tol", "flat_tol", "curvature_tol", "failure_probability")
SKIPS = ("identity", "none")
METHODS = {
    "newton_mr": geometry.newton_mr,
    "gradient_norm": geometry.minimize_gradient_norm,
    "saddle_free": geometry.saddle_free_newton,
}


@dataclasses.dataclass(frozen=True)
class Start:
    """A checkpoint (number 0), or a noisy copy of it."""

    side: str
    path: str | os.PathLike
    checkpoint: str
    number: int

    def __str__(self) -> str:
        return f"{self.side}_{self.checkpoint}_{self.number}"


def check(config: Any) -> list[str]:
    """Returns the methods; raises a ValueError for a bad field."""
    methods = [name.strip() for name in config.method.split(",")]
    for name in methods:
        if name not in METHODS:
            raise ValueError(
                f"Unknown `method`: {name!r}. Choose from: {', '.join(METHODS)}, "
                "separated by commas."
            )
    if len(set(methods)) < len(methods):
        raise ValueError(f"`method` must name each method once; got {config.method!r}.")
    check_least(config, num_networks=1, num_starts=1, num_steps=1, inner_steps=1)
    for name in ("noise", "ratio"):
        if not 0 <= getattr(config, name) < float("inf"):
            raise ValueError(f"`{name}` must be 0 or positive; got {getattr(config, name)}.")
    for name in ("tol", *TOLERANCES):
        check_fraction(getattr(config, name), name)
    if config.twin and not config.run:
        raise ValueError(f"`twin` is {config.twin} but `run` is empty. Give both, or `run` alone.")
    if not config.run and config.network.skip:
        raise ValueError(
            f"`network` has skip={config.network.skip!r}, but its twins are trained with and without. Leave "
            "it out, or give a training run of your own as `run`."
        )
    return methods


def starts(config: Any, opened: runs.Run, progress: Progress | None) -> list[Start]:
    """All starts, in order, of the training runs that are given or of twins that are trained here."""
    first = config.network.seed
    variants = {
        f"{study.arm_of(skip).folder}-{k}": {"skip": skip, "seed": first + k}
        for k in range(config.num_networks)
        for skip in SKIPS
    }
    sides = twins.given(config) or twins.trained(opened, config.network, variants, progress)
    return [
        Start(side, path, checkpoint, number)
        for side, path in sides.items()
        for checkpoint in choose_checkpoints(path, tuple(config.checkpoints))
        for number in range(config.num_starts)
    ]

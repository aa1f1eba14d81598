"""Which trained networks an experiment looks at: those that are given, or variants that it trains."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from experiments import train
from experiments.common.network import choose_checkpoints
from experiments.common.steps import Progress
from lsgeo import models, runs, study


def given(config: Any) -> dict[str, str]:
    """The training runs of a comparison, "run" and, if there is one, "twin"."""
    return {side: path for side in ("run", "twin") if (path := getattr(config, side))}


def check_given(config: Any) -> None:
    """Raises a ValueError for a twin without a run."""
    if config.twin and not config.run:
        raise ValueError(f"`twin` is {config.twin!r}, but `run` is empty. Give both, or neither.")


def check_own(config: Any) -> None:
    """Raises a ValueError unless `arms` are known, and alone choose the skip of `network`."""
    study.parse_arms(config.arms)
    if config.network.skip:
        raise ValueError(
            f"`network` has skip={config.network.skip!r}, which `arms` choose. Leave it out."
        )


def own(**fields: Any) -> Any:
    """The field of a configuration that holds that of trainings of its own, with other defaults."""
    return dataclasses.field(default_factory=lambda: train.Config(**fields))


def changes(arm: study.Arm, model: str, options: str = "") -> dict[str, str]:
    """The fields of a training's configuration that an arm chooses.

    Args:
      arm: the arm.
      model: of the configuration.
      options: those of the configuration; the arm replaces what it changes.

    Raises:
      ValueError: for an arm that is not of the model's family.
    """
    arm.check(model)
    fields = models.fields_of(model, {**models.spelling.options(options), **arm.changes})
    # What the arm leaves alone stays as it was written.
    kept = {*arm.changes, *(() if arm.changes.keys() <= set(models.FIELDS) else ("options",))}
    return {name: value for name, value in fields.items() if name in kept}


def trained(
    opened: runs.Run,
    network: Any,
    variants: Mapping[str, Mapping[str, Any]],
    progress: Progress | None,
) -> dict[str, pathlib.Path]:
    """Trains variants of a configuration, name -> the fields that each changes, into WORKDIR/train/NAME."""
    paths = {name: opened.path / "train" / name for name in variants}
    for name, fields in variants.items():
        train.run(dataclasses.replace(network, **fields), paths[name], progress)
    return paths


def common_checkpoints(config: Any) -> list[str]:
    """The checkpoints of `run` that a configuration takes; with a twin, those that both have."""
    wanted = tuple(config.checkpoints)
    names = choose_checkpoints(config.run, wanted)
    if not config.twin:
        return names
    both = [name for name in names if name in choose_checkpoints(config.twin, wanted)]
    if not both:
        raise ValueError(
            f"`run` {config.run} and `twin` {config.twin} have no checkpoint in common; compare them at "
            "another one, such as 'end'."
        )
    return both

"""The networks of `experiments.representations`, and what is measured of which."""

import dataclasses
import os
import pathlib
from typing import Any

from experiments.common import twins
from experiments.common.network import Network, choose_checkpoints, load_network
from experiments.representations import _measures
from lsgeo import models

SKIPS = ("identity", "none")


def check(config: Any) -> None:
    """Raises a ValueError for a bad field, or a checkpoint that is not there."""
    if config.num_jacobians < 1 or 0 < config.num_examples < max(5, config.num_jacobians):
        raise ValueError(
            f"`num_examples` must be at least 5 and `num_jacobians`, or 0 for all; got {config.num_examples} "
            f"and {config.num_jacobians}."
        )
    if config.twin and not config.run:
        raise ValueError(
            f"`twin` is {config.twin!r}, but there is no `run` whose twin it could be."
        )
    for source in filter(None, (config.run, config.twin, config.densenet)):
        choose_checkpoints(source, (config.checkpoint,))


def jobs(config: Any, folder: pathlib.Path) -> dict[str, tuple[str | os.PathLike, Any]]:
    """Name -> (directory of a training run, its configuration where it is trained here)."""
    if config.run:
        named = twins.given(config) | ({"densenet": config.densenet} if config.densenet else {})
        return {name: (source, None) for name, source in named.items()}
    found: dict[str, tuple[str | os.PathLike, Any]] = {}
    for name, skip in zip(("run", "twin"), SKIPS, strict=True):
        found[name] = folder / skip, dataclasses.replace(config.network, skip=skip)
    for depth in config.depths:
        for skip in SKIPS if depth != config.network.depth else ():
            training = dataclasses.replace(config.network, skip=skip, depth=depth)
            found[f"depth_{skip}_{depth}"] = folder / f"{skip}-{depth}", training
    own = None if config.densenet else config.dense_network
    found["densenet"] = config.densenet or folder / "densenet", own
    return found


def load(run: Any, checkpoint: str, num_examples: int) -> Network:
    """Loads a checkpoint, the blocks of a scanned network one by one."""
    network = load_network(run, checkpoint, num_examples)
    if not getattr(network.model, "scan", False):
        return network
    single = models.unstack(network.variables)
    fields = {"model": network.model.clone(scan=False), "params": single.pop("params")}
    return dataclasses.replace(network, **fields, constants=single)


def measure(config: Any, network: Network, name: str, source: Any) -> dict[str, Any]:
    """What a file holds of a network, by the file's name."""
    if name == "densenet":
        found = _measures.reuse(network, load_network(source, "init", config.num_examples).params)
    elif name.startswith("depth_"):
        found = _measures.measure_alignment(network, config)
    else:
        found = _measures.measure(network, config)
    facts = {"arm": network.arm, "depth": getattr(network.model, "depth", 0)}
    return {**found, **facts, "train_loss": network.value()}

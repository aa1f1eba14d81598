"""Paths and lesions of one network, for `experiments.paths`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments.common import losses
from experiments.common.network import Network, top_chain
from lsgeo import models, plotting
from lsgeo.geometry import gradient_path_energies, path_length_law


def take_apart(config: Any, network: Network, source: Any) -> dict[str, Any]:
    """Gradient energy by path length, and what the network is worth without some blocks or in another order."""
    model, constants = network.model, network.constants
    variables = network.variables
    blocks = models.blocks(model, variables, network.batch["image"])
    free = [block.name for block in blocks if block.keeps_shape]
    if not free:
        raise ValueError(
            f"`run` {source} is a network in which every block changes the stream's shape: none can be "
            "deleted. Take a deeper one, or a family that adds."
        )
    judge = _Judge(models.Logits(model, constants), network.batch, free)
    whole = judge(variables)
    names = [block.name for block in blocks]
    lesions = np.array(
        [judge(variables, (name,)) if name in free else (np.nan, np.nan) for name in names]
    )
    rng = np.random.default_rng(config.seed)

    def accuracies(lesion):  # for each number of blocks, several random choices
        counts = range(1, len(free))
        values = [[lesion(count)[1] for _ in range(config.draws)] for count in counts]
        return np.reshape(values, (-1, config.draws))

    without = accuracies(lambda n: judge(variables, rng.choice(free, n, replace=False).tolist()))
    swapped = accuracies(lambda n: judge(_swapped(variables, rng, n)))
    return {
        "arm": network.arm,
        "message": f"accuracy {whole[1]:.3f}, without one block {np.nanmin(lesions[:, 1]):.3f} or more",
        "blocks": np.array(names),
        "loss": whole[0],
        "accuracy": whole[1],
        "num_classes": network.num_classes,
        **_paths(network, blocks, variables),
        "lesion_loss": lesions[:, 0],
        "lesion_accuracy": lesions[:, 1],
        "deleted_accuracy": without,
        "swapped_accuracy": swapped,
    }


def _paths(network, blocks, variables):
    chain = top_chain(blocks)
    if network.model.skip == "none" or not chain:
        return {}  # A stream that is no sum has one path.
    inputs = jax.jit(models.block_inputs, static_argnums=0)(
        network.model, variables, network.batch["image"]
    )
    top = models.stream_gradient(network.loss, network.params, network.batch, blocks[-1].name)
    branches = [lambda x, f=block.function: f(x) - x for block in chain]
    energies = gradient_path_energies(branches, inputs[chain[0].name], top)
    share = energies.mean_length / len(chain)
    law = path_length_law([share / (1 - share)] * len(chain))
    return {
        "shares": energies.shares,
        "law": law,
        "mean_length": energies.mean_length,
        "divergence": energies.divergence(law),
        "interference": energies.interference,
    }


class _Judge:
    """Loss and accuracy of a network without some of its blocks, compiled once."""

    def __init__(self, logits, batch, free):
        self._logits, self._batch, self._free = logits, batch, free

    def __call__(self, variables, deleted=()):
        kept = {name: np.asarray(name not in deleted) for name in self._free}
        constants = {kind: tree for kind, tree in variables.items() if kind != "params"}
        logits = dataclasses.replace(self._logits, constants=constants)
        without = models.WithoutBlocks(logits, kept)
        values = losses.evaluate(without, variables["params"], self._batch)
        return tuple(float(value) for value in values)


def _swapped(variables, rng, count):
    # `count` exchanges of two random blocks of equal shape, one after the other.
    groups = {}
    for name, tree in variables["params"].items():
        if "block_" in name:
            shapes = tuple(
                (str(path), leaf.shape) for path, leaf in jax.tree.leaves_with_path(tree)
            )
            groups.setdefault(shapes, []).append(name)
    groups = [names for names in groups.values() if len(names) > 1]
    for _ in range(count if groups else 0):
        names = groups[rng.integers(len(groups))]
        places = sorted(rng.choice(names, 2, replace=False).tolist(), key=models.block_place)
        variables = models.reorder(variables, places[::-1])
    return variables


def draw(entries: Sequence[dict[str, Any]]) -> Figure:
    """Draws shares by path length, single lesions, and deletions of several blocks."""
    figure, axes = plotting.new_figure(width=9.6, height=3.4, columns=3)
    summed = [(e["arm"], e["shares"], e["law"]) for e in entries if "shares" in e]
    plotting.path_shares(summed, axes[0])
    single, several = (
        [(e["arm"], e[f"{name}_accuracy"], e["accuracy"]) for e in entries]
        for name in ("lesion", "deleted")
    )
    plotting.lesions(single, axes[1])
    plotting.deletions(several, axes[2], chance=1 / entries[0]["num_classes"])
    return figure

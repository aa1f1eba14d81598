"""Paths and lesions of one network, for `experiments.paths`."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments.common import losses
from experiments.common.network import Network, top_chain
from lsgeo import models, plotting
from lsgeo.geometry import gradient_path_energies, path_length_law
from lsgeo.results import entries


def take_apart(config: Any, network: Network, source: Any) -> dict[str, Any]:
    """Gradient energy by path length, and what the network is worth without some blocks or in another order."""
    variables = network.variables
    blocks = models.blocks(network.model, variables, network.batch["image"])
    free = [block.name for block in blocks if block.keeps_shape]
    if not free:
        raise ValueError(
            f"`run` {source} is a network in which every block changes the stream's shape: none can be "
            "deleted. Take a deeper one, or a family that adds."
        )
    judge = functools.partial(_judge, network, free)
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
        **entries(network, ("arm", "num_classes")),
        "message": f"accuracy {whole[1]:.3f}, without one block {np.nanmin(lesions[:, 1]):.3f} or more",
        "blocks": np.array(names),
        "loss": whole[0],
        "accuracy": whole[1],
        **_paths(network, blocks, variables),
        "lesion_loss": lesions[:, 0],
        "lesion_accuracy": lesions[:, 1],
        "deleted_accuracy": without,
        "swapped_accuracy": swapped,
    }


def _paths(network, blocks, variables):
    chain = top_chain(blocks)
    if network.model.skip == "none" or not chain:
        return {}  # No sum has one path; a chain needs a block above the last change of shape.
    below = jax.jit(models.block_inputs, static_argnums=0)
    inputs = below(network.model, variables, network.batch["image"])
    top = models.stream_gradient(*network.problem, blocks[-1].name)
    branches = [lambda x, f=block.function: f(x) - x for block in chain]
    energies = gradient_path_energies(branches, inputs[chain[0].name], top)
    share = energies.mean_length / len(chain)
    law = path_length_law([share / (1 - share)] * len(chain))
    return {
        "shares": energies.shares,
        "law": law,
        **entries(energies, ("mean_length", "interference")),
        "divergence": energies.divergence(law),
    }


def _judge(network, free, variables, deleted=()):
    # Loss and accuracy without some of the blocks.
    kept = {name: np.asarray(name not in deleted) for name in free}
    constants = {kind: tree for kind, tree in variables.items() if kind != "params"}
    without = models.WithoutBlocks(models.Logits(network.model, constants), kept)
    return tuple(map(float, losses.evaluate(without, variables["params"], network.batch)))


def _swapped(variables, rng, count):
    # `count` exchanges of two random blocks of equal shape, one after the other.
    groups = {}
    for name, tree in variables["params"].items():
        if "block_" in name:
            leaves = jax.tree.leaves_with_path(tree)
            shapes = tuple((str(path), leaf.shape) for path, leaf in leaves)
            groups.setdefault(shapes, []).append(name)
    groups = [names for names in groups.values() if len(names) > 1]
    for _ in range(count if groups else 0):
        names = groups[rng.integers(len(groups))]
        places = sorted(rng.choice(names, 2, replace=False).tolist(), key=models.block_place)
        variables = models.reorder(variables, places[::-1])
    return variables


def draw(found: Sequence[dict[str, Any]]) -> Figure:
    """Draws shares by path length, single lesions, and deletions of several blocks."""
    figure, axes = plotting.new_figure(width=9.6, height=3.4, columns=3)
    summed = [(e["arm"], e["shares"], e["law"]) for e in found if "shares" in e]
    plotting.path_shares(summed, axes[0])
    single, several = (
        [(e["arm"], e[f"{name}_accuracy"], e["accuracy"]) for e in found]
        for name in ("lesion", "deleted")
    )
    plotting.lesions(single, axes[1])
    plotting.deletions(several, axes[2], chance=1 / found[0]["num_classes"])
    return figure

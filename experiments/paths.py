"""Takes trained networks apart: is a residual network an ensemble of paths of different lengths?

Gradient energy by path length against a binomial law; loss and accuracy after one block, or several
random blocks, are deleted, and after blocks have changed places.

python -m experiments.paths --config=configs/paths.py --config.run=runs/skip --config.twin=runs/plain
  --workdir=runs/paths
"""

import dataclasses
import os
import time

import jax
import numpy as np

from experiments.common import losses
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from lsgeo import models, plotting, runs
from lsgeo.geometry import gradient_path_energies, path_length_law
from lsgeo.plotting.style import new_figure


@dataclasses.dataclass
class Config:
    """Paths and lesions of one trained network, or of a pair.

    Attributes:
      run: directory of a run of experiments.train.
      twin: another one, drawn beside it; "" for none.
      checkpoint: "init", "loss_0.5", "end", ...
      num_examples: training examples, the first ones; 0 takes all.
      draws: random choices of blocks for each number of deletions or swaps.
      seed: of these choices.
    """

    run: str = ""
    twin: str = ""
    checkpoint: str = "end"
    num_examples: int = 0
    draws: int = 5
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Takes each network apart into arrays/run.npz and arrays/twin.npz and draws figures/paths.svg.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has arm, blocks (names), loss (cross-entropy), accuracy; with skips, shares and law
      (by path length, of the blocks behind the last change of the stream's shape, if there are any),
      mean_length, divergence, interference; lesion_loss and lesion_accuracy (one for each block, NaN where
      the stream changes its shape); deleted_accuracy and swapped_accuracy [number, draws].

    Raises:
      ValueError: for a bad field, a missing checkpoint, a network whose blocks cannot be taken apart, or
        another configuration's directory.
    """
    if config.draws < 1:
        raise ValueError(f"`draws` must be at least 1; got {config.draws}.")
    sources = {"run": config.run, "twin": config.twin} if config.twin else {"run": config.run}
    for source in sources.values():
        choose_checkpoints(source, (config.checkpoint,))
    opened = runs.open_run(workdir, config)
    for done, (name, source) in enumerate(sources.items()):
        if not opened.has(name):
            opened.save(name, _take_apart(config, source))
        if progress is not None:
            progress(done + 1, len(sources), f"{name}: {opened.load(name)['message']}")
    _draw(opened, list(sources))
    return opened


def _take_apart(config, source):
    started = time.monotonic()
    network = load_network(source, config.checkpoint, config.num_examples)
    model, constants = network.model, network.constants
    variables = {"params": network.params, **constants}
    blocks = models.blocks(model, variables, network.batch["image"])
    names = [block.name for block in blocks]
    paths = _paths(network, blocks, variables)
    logits = models.Logits(model, constants)
    free = [block.name for block in blocks if block.keeps_shape]
    if not free:
        raise ValueError(
            f"`run` {source} is a network in which every block changes the stream's shape: none can be "
            "deleted. Take a deeper one, or a family that adds."
        )
    judge = _Judge(logits, network.batch, free)
    whole = judge(variables)
    lesions = np.array(
        [judge(variables, (name,)) if name in free else (np.nan, np.nan) for name in names]
    )
    rng = np.random.default_rng(config.seed)
    deleted = [
        [
            judge(variables, rng.choice(free, count, replace=False).tolist())[1]
            for _ in range(config.draws)
        ]
        for count in range(1, len(free))
    ]
    swapped = [
        [judge(_swapped(variables, rng, count))[1] for _ in range(config.draws)]
        for count in range(1, len(free))
    ]
    return {
        "arm": network.arm,
        "message": f"accuracy {whole[1]:.3f}, without one block {np.nanmin(lesions[:, 1]):.3f} or more",
        "blocks": np.array(names),
        "loss": whole[0],
        "accuracy": whole[1],
        "num_classes": network.num_classes,
        **paths,
        "lesion_loss": lesions[:, 0],
        "lesion_accuracy": lesions[:, 1],
        "deleted_accuracy": np.reshape(deleted, (-1, config.draws)),
        "swapped_accuracy": np.reshape(swapped, (-1, config.draws)),
        "seconds": time.monotonic() - started,
    }


def _paths(network, blocks, variables):
    if network.model.skip == "none":
        return {}  # A stream that is no sum has one path.
    if not blocks[-1].keeps_shape:
        return {}  # The chain that ends at the top has no block.
    # The chain of blocks above the last change of the stream's shape.
    first = max((i + 1 for i, block in enumerate(blocks) if not block.keeps_shape), default=0)
    chain = blocks[first:]
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


def _draw(opened, names):
    figure, axes = new_figure(width=9.6, height=3.4, columns=3)
    entries = [opened.load(name) for name in names]
    summed = [(str(e["arm"]), e["shares"], e["law"]) for e in entries if "shares" in e]
    plotting.path_shares(summed, axes[0])
    plotting.lesions(
        [(str(e["arm"]), e["lesion_accuracy"], e["accuracy"]) for e in entries], axes[1]
    )
    chance = 1 / int(entries[0]["num_classes"])
    plotting.deletions(
        [(str(e["arm"]), e["deleted_accuracy"], e["accuracy"]) for e in entries],
        axes[2],
        chance=chance,
    )
    save_figure(opened, "paths", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/paths.py", shorthands=("run", "twin"))

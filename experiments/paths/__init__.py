"""Takes trained networks apart: is a residual network an ensemble of paths of different lengths?

Gradient energy by path length against a binomial law; loss and accuracy after one block, or several
random blocks, are deleted, and after blocks have changed places.

python -m experiments.paths --config=configs/paths.py --config.run=runs/skip --config.twin=runs/plain
  --workdir=runs/paths
"""

import dataclasses
import functools
import os

from experiments.common import twins
from experiments.common.fields import check_least
from experiments.common.figures import save_figure
from experiments.common.network import choose_checkpoints, load_network
from experiments.common.steps import Progress, Steps
from experiments.paths._lesions import draw, take_apart
from lsgeo import runs


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


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Takes each network apart into arrays/run.npz and arrays/twin.npz and draws figures/paths.svg.

    Returns:
      The Run. An entry has arm, blocks (names), loss (cross-entropy), accuracy; with skips, shares and law
      (by path length, of the blocks behind the last change of the stream's shape, if there are any),
      mean_length, divergence, interference; lesion_loss and lesion_accuracy (one for each block, NaN where
      the stream changes its shape); deleted_accuracy and swapped_accuracy [number, draws].

    Raises:
      ValueError: for a network whose blocks cannot be taken apart.
    """
    check_least(config, draws=1)
    sources = {"run": config.run} | twins.given(config)
    for source in sources.values():
        choose_checkpoints(source, (config.checkpoint,))
    opened = runs.open_run(workdir, config)
    step, entries = Steps(progress, len(sources)), []
    for name, source in sources.items():
        network = load_network(source, config.checkpoint, config.num_examples)
        measure = functools.partial(take_apart, config, network, source)
        entries.append(opened.stage(name, network.sha256, measure))
        step(f"{name}: {entries[-1]['message']}")
    save_figure(opened, "paths", draw(entries))
    return opened

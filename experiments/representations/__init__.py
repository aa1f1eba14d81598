"""Shows what a network's layers hold and hand on, with skips and without.

CKA between its layers, branches cut in the backward pass, effective depth, residual alignment, and which
earlier features the layers of a DenseNet read. Without --config.run it trains what it measures: twins with
and without skips, the same at other depths, and a DenseNet.

python -m experiments.representations --config=configs/representations.py --workdir=runs/representations
python -m experiments.representations --config=configs/representations.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/representations
"""

import dataclasses
import functools
import os

from experiments import train
from experiments.common import twins
from experiments.common.figures import save_figure
from experiments.common.steps import Progress, Steps
from experiments.representations import _figures, _networks
from experiments.representations._figures import load_slope as load_slope
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Representations of one trained network, or of a pair, and of a DenseNet.

    Attributes:
      run: directory of a run of experiments.train; "" trains `network` with and without skips in
        WORKDIR/train.
      twin: directory of its twin's, drawn beside it; "" for none.
      densenet: directory of a DenseNet's run; "" trains `dense_network`, where `run` is "" too.
      network: configuration of the twins that are trained; their skip is "identity" and "none".
      dense_network: configuration of the DenseNet that is trained.
      depths: depths at which the twins are trained as well, for the largest singular value of a branch against
        depth; () for none. Of `run`, none.
      checkpoint: of the runs.
      num_examples: training examples, the first ones; 0 takes all.
      num_jacobians: those among them at which the branches' Jacobians are taken.
      num_directions: top singular vectors of a Jacobian that are compared.
      threshold: singular values above this share of the largest count as rank.
      seed: start of the iteration for singular vectors.
    """

    run: str = ""
    twin: str = ""
    densenet: str = ""
    network: train.Config = twins.own(
        depth=16,
        width=32,
        norm="layer",
        options="scan=True",
        num_train=300,
        max_steps=2000,
        weight_decay=1e-2,
        loss_levels=(),
        eval_every=200,
    )
    dense_network: train.Config = twins.own(
        model="densenet",
        depth=13,
        width=6,
        options="growth=4",
        num_train=300,
        max_steps=150,
        learning_rate=3e-3,
        loss_levels=(),
        eval_every=50,
    )
    depths: tuple[int, ...] = (2, 4, 8)
    checkpoint: str = "end"
    num_examples: int = 300
    num_jacobians: int = 32
    num_directions: int = 1
    threshold: float = 0.1
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each network into a file of its own and draws figures/representations.svg.

    Returns:
      The Run. "run" and "twin" (the networks without skips, where they are trained here) have arm, blocks,
      cka with its error and the biased estimate (of the stream below each block and above the last),
      branches, lesion_norms, lesion_cosines and lesion_shares, effective_depth with its error; of the chain
      above the last change of the stream's shape, if there is one, line, equispaced, singular_values, ranks,
      alignment, consecutive and chance, with skips also forward_depth and path_depth. "densenet" has
      sources, targets, mean_weights, norms, relative, loss_changes, layers and cka. "depth_SKIP_L" have the
      alignment's entries.

    Raises:
      ValueError: for a network without blocks.
    """
    _networks.check(config)
    opened = runs.open_run(workdir, config)
    jobs = _networks.jobs(config, opened.path / "train")
    step = Steps(progress, len(jobs))
    for name, (source, training) in jobs.items():
        if training is not None:
            train.run(training, source, step.within(f"training {name}"))
        network = _networks.load(source, config.checkpoint, config.num_examples)
        measure = functools.partial(_networks.measure, config, network, name, source)
        step(f"{name}: {opened.stage(name, network.sha256, measure)['message']}")
    save_figure(opened, "representations", _figures.draw(opened, list(jobs)))
    return opened

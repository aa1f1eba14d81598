"""How far training moves a network from its initial weights; save as experiments/distance.py.

python -m experiments.distance --config=configs/distance.py --config.run=runs/train --workdir=runs/distance
"""

import dataclasses
import functools
import os

import jax
import jax.numpy as jnp

from experiments.common.launch import launch
from experiments.common.network import Network, choose_checkpoints, load_network
from experiments.common.steps import Steps
from lsgeo import runs, trees


@dataclasses.dataclass
class Config:
    """The distances of one training run.

    Attributes:
      run: directory of a run of experiments.train.
      checkpoints: names such as "loss_0.5", "end"; () takes all.
    """

    run: str = ""
    checkpoints: tuple[str, ...] = ()


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz; those that are there are left alone.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has distance, relative (to the norm at initialisation), step, seconds.

    Raises:
      ValueError: for a run without these checkpoints, or another configuration's directory.
    """
    names = choose_checkpoints(config.run, tuple(config.checkpoints))
    start = load_network(config.run, "init")
    opened, step = runs.open_run(workdir, config), Steps(progress, len(names))
    for name in names:
        network = load_network(config.run, name)
        measure = functools.partial(_measure, start, network)
        found = opened.stage(name, network.sha256, measure)
        step(f"{name}: {found['distance']:.3g} from init")
    return opened


def _measure(start: Network, network: Network):
    moved = trees.norm(jax.tree.map(jnp.subtract, network.params, start.params))
    relative = moved / trees.norm(start.params)
    return {"distance": float(moved), "relative": float(relative), "step": network.step}


if __name__ == "__main__":
    launch(run, config_file="configs/distance.py")

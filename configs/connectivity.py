"""Paths between two networks that were trained from different seeds.

Papers: Garipov et al. 2018 (curves), Draxler et al. 2018 (elastic band), Ainsworth et al. 2023 (matching).
Command, for the networks of `configs/train.py`:

    python -m experiments.train --workdir=runs/a --config.seed=0
    python -m experiments.train --workdir=runs/b --config.seed=1
    python -m experiments.connectivity --config=configs/connectivity.py
      --config.run=runs/a --config.other=runs/b --workdir=runs/connectivity
"""

from experiments.connectivity import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

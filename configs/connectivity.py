"""Paths between two networks that were trained from different seeds.

Papers: Garipov et al. 2018 (curves), Draxler et al. 2018 (elastic band), Ainsworth et al. 2023 (matching).
Command, for the networks of `configs/train.py`:

    python -m experiments.train --workdir=runs/a --config.seed=0
    python -m experiments.train --workdir=runs/b --config.seed=1
    python -m experiments.connectivity --config=configs/connectivity.py
      --config.run=runs/a --config.other=runs/b --workdir=runs/connectivity

and the same with --config.skip=none. Expected, from one pair of each kind: barriers of 2 to 4 nats on the
straight line, before and after matching (networks of this width are too narrow for it to vanish); on the
fitted curve 0.001 with skips and about 0.5 without; negative curvature on that curve without skips
alone. Every figure bounds the lowest pass from above.
Run time: one to two minutes on two CPU cores.
"""

from experiments.connectivity import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

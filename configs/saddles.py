"""Kind of point at every checkpoint of one training run.

Papers: Kuczynski and Wozniakowski 1992 (bounds), Frye et al. 2021 (gradient-flat points).
Command: python -m experiments.saddles --config=configs/saddles.py
  --config.run=runs/train --workdir=runs/saddles
Expected: "not critical" during training, with negative curvature that shrinks as the loss falls.
Run time: about 20 s on two CPU cores.
"""

from experiments.saddles import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

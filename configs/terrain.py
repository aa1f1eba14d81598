"""The terrain around trained networks, with and without skips.

Papers: Li et al. 2018 for the planes, Santurkar et al. 2018 for the smoothness of the gradient.
Command: python -m experiments.terrain --config=configs/terrain.py --workdir=runs/terrain
  or, for networks of your own, --config.runs=runs/a,runs/b,runs/c --config.twins=...
Expected: TODO
Run time: TODO
"""

from experiments.terrain import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

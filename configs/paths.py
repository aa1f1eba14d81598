"""A trained network taken apart: path lengths of the gradient, deleted and exchanged blocks.

Papers: Veit et al. 2016 (paths, lesions), De and Smith 2020 (path lengths at initialisation).
Command: python -m experiments.paths --config=configs/paths.py --config.run=runs/train --workdir=runs/paths
Expected: with skips the accuracy falls little when one block goes, and step by step with several; without skips
one block is enough to fall near chance.
Run time: about 30 s on two CPU cores.
"""

from experiments.paths import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

"""What the layers of a network hold and hand on, with skips and without.

Papers: Kornblith et al. 2019 (CKA), Huang et al. 2017 (feature reuse of DenseNets), Veit et al. 2016 (paths),
Li and Papyan 2023 (residual alignment).
Command: python -m experiments.representations --config=configs/representations.py
  --workdir=runs/representations
"""

from experiments.representations import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

"""Signals and gradients at initialisation: MLPs of depth 2 to 32 with and without skips.

Papers: He et al. 2016 (section 4.1), Balduzzi et al. 2017 (shattering), Pennington et al. 2017 and Tarnowski
et al. 2019 (Jacobian moments), De and Smith 2020 (a block's share of the stream).
Command: python -m experiments.signals --config=configs/signals.py --workdir=runs/signals
Expected: the gradient's norm hardly falls in any arm (ratios between 0.4 and 1.7); the spread of the Jacobian
grows with depth without skips and with unscaled ones, but not with scaled ones, whose input gradients stay
alike.
Run time: about 40 s on two CPU cores.
"""

from experiments.signals import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

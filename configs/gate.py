"""How much skip a trained network needs.

Paper: none of its own; He et al. 2016, Identity mappings in deep residual networks, section 3.1, trains with
shortcuts scaled by a constant, where this sweep changes the scale of a network that is trained.
Command: python -m experiments.gate --config=configs/gate.py --workdir=runs/gate
  or, for a network of your own, --config.run=runs/NAME, trained with --config.skip=gated
Expected: the network of 16 blocks, trained with the whole skip to a loss of 0.005, keeps 91 % of its accuracy
  on the training images at a gate of 0.9, 41 % at 0.8 and guesses from 0.7 down; its largest eigenvalue is 0.9
  at a gate of 1 and over 100 at all others.
Run time: 30 s on two CPU cores.
"""

from experiments.gate import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

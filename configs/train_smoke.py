"""Every family of networks learns the digits.

Paper: none; a check of the whole road from a family's name to a trained network.
Command: make train-smoke, or python -m experiments.train_smoke --workdir=runs/train-smoke
Expected: over 95 % of the training images right in every family (of the decoder: of the tokens).
Run time: about 2 min of processor time; under 10 min on two CPU cores.
"""

from experiments.train_smoke import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

"""Trains one network and keeps it at several training losses.

Paper: none of its own; it makes the checkpoints that the measurements start from.
Command: python -m experiments.train --config=configs/train.py --workdir=runs/train
"""

from experiments.train import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

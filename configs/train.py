"""Trains one network and keeps it at several training losses.

Paper: none of its own; it makes the checkpoints that the measurements start from.
Command: python -m experiments.train --config=configs/train.py --workdir=runs/train
Expected: status "trained"; checkpoints at initialisation, at training losses 1.0, 0.5 and 0.1, and at the
end; a test accuracy near 0.9.
Run time: 12 s on two CPU cores.
"""

from experiments.train import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config(depth=16, width=32, norm="layer")

"""Published numbers, measured again.

Paper: one for each number; docs/reproductions.md lists them.
Command: python -m experiments.reproductions --config=configs/reproductions.py --workdir=runs/reproductions
Expected: the table of docs/reproductions.md.
Run time: 11 minutes on two CPU cores.
"""

from experiments.reproductions import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

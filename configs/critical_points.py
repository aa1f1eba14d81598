"""Kinds of critical points that searches find from the trajectories of twins."""

from experiments.critical_points import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

"""X."""

from experiments.escape import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

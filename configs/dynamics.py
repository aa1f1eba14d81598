"""Full-batch training at the edge of stability, with skips and without.

Papers: Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability;
Cohen et al. 2022 for Adam; Gur-Ari et al. 2018 for the gradient's share; Song et al. 2024 for what that does
not mean.
Command: python -m experiments.dynamics --config=configs/dynamics.py --workdir=runs/dynamics
"""

from experiments.dynamics import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

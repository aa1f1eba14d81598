"""Steps to a training loss, each network at its own best learning rate.

Papers: He et al., "Deep residual learning" (2016), for faster training with skips; Lewkowycz et al., "The large
learning rate phase of deep learning" (2020), for rates above 2 / lambda_max.
Command: python -m experiments.convergence --config=configs/convergence.py --workdir=runs/convergence
Expected, for MLPs of 8 blocks with layer norm on digits, gradient descent to a loss of 0.5, medians of 5 seeds:
152 steps without skips, 31 with them, 23 with scaled ones, 107 without skips from identity-biased weights. The
start alone does not make up for the skip here: the speed-up against it is 3.5 (2.9 to 4.2). The largest stable
rates are about 1, 3, 3.5 and 0.7, several times what the curvature at initialisation gives. Without norm
(--config.network.norm=none) the order is another one: 147 steps without skips, over 300 with bare skips, 38
with scaled ones, 69 from identity-biased weights.
Run time: under 90 s of processor time.
"""

from experiments.convergence import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

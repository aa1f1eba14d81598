"""Full-batch training at the edge of stability, with skips and without.

Papers: Cohen et al. 2021, Gradient descent on neural networks typically occurs at the edge of stability;
Cohen et al. 2022 for Adam; Gur-Ari et al. 2018 for the gradient's share; Song et al. 2024 for what that does
not mean.
Command: python -m experiments.dynamics --config=configs/dynamics.py --workdir=runs/dynamics
  --config.optimizer=adam --config.learning_rates="(0.001,)" for Adam, whose limit is another
Expected: both networks end at the edge, sharpness / limit 1.00 without skips and 0.98 with them. Without, the
  sharpness rises from 0.15 of its limit and training stays within 0.5 % of the gradient flow's way until it
  arrives there, at step 1100; then the gradient's share in the top eigenvectors jumps from 0 to 0.99. With
  skips it begins at 2.2 times the limit: the first steps overshoot, and training leaves the flow at once.
  The largest stable rate is 1.6 and 2.6 times the one that the curvature at the start allows.
Run time: 70 s of processor time.
"""

from experiments.dynamics import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

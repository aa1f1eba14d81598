"""Training on the plane in which the weights vary most, with skips and without.

Papers: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), section 7;
Antognini and Sohl-Dickstein, "PCA of high dimensional random walks" (2018), for what a random walk looks like.
Command: python -m experiments.trajectory --config=configs/trajectory.py --workdir=runs/trajectory
  or, for runs of your own, trained with --config.snapshot_steps: --config.run=runs/skip
  --config.twin=runs/no-skip
Expected: two directions hold 94 % of the variance without skips and 96 % with them, where a random walk of 21
points has 76 %. They hide a lot all the same: halfway, the loss of the plain network is 0.05 and that of its
projection on the plane 0.2.
Run time: 30 s on two CPU cores.
"""

from experiments.trajectory import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

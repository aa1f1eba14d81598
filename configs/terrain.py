"""The terrain around trained networks, with and without skips.

Papers: Li et al. 2018 for the planes, Santurkar et al. 2018 for the smoothness of the gradient.
Command: python -m experiments.terrain --config=configs/terrain.py --workdir=runs/terrain
  or, for networks of your own, --config.runs=runs/a,runs/b,runs/c --config.twins=runs/d,runs/e,runs/f
Expected, for MLPs of 20 blocks with layer norm at a training loss of 0.01, scaled skips against none:
  curves down in some direction at 0.39 [0.17, 0.60] of the points against 0.73 [0.71, 0.75], convex up to 0.63
  [0.54, 0.73] filter norms against 0.12 [0.10, 0.14], better than chance on 0.93 of the area against 0.03, no
  further minimum on any plane against 9 [7, 11]. Those 9 are fewer than random fields of that spectrum have.
  Without norm (--config.network.norm=none): 0.05 [0, 0.14] of the points against 0.32 [0.16, 0.48], 0.24 of the
  area against 0.012, and no further minimum in either.
Run time: 2 minutes of processor time.
"""

from experiments.terrain import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

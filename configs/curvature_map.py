"""The curvature of trained twins over a plane: lambda_min / lambda_max of the full Hessian.

Paper: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), section 6.
Command, for twins that are trained to one loss:

    python -m experiments.train --workdir=runs/skip --config.skip=scaled --config.norm=none
      --config.depth=20 --config.stop_loss=0.05
    python -m experiments.train --workdir=runs/no-skip --config.skip=none --config.norm=none
      --config.depth=20 --config.stop_loss=0.05
    python -m experiments.curvature_map --workdir=runs/curvature_map --config.run=runs/skip
      --config.twin=runs/no-skip

Expected: white around both networks, deeper red without skips: over the plane, half a filter norm each way,
a median |lambda_min / lambda_max| of 0.14 with scaled skips and 0.45 without, where lambda_max is 70 times
larger (one seed).
Run time: 50 s of processor time for both networks.
"""

from experiments.curvature_map import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

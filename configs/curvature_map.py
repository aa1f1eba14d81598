"""The curvature of trained twins over a plane: lambda_min / lambda_max of the full Hessian.

Paper: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), section 6.
Command, for the networks of `configs/train.py` and their twins:

    python -m experiments.train --workdir=runs/skip --config.skip=identity
    python -m experiments.train --workdir=runs/no-skip --config.skip=none
    python -m experiments.curvature_map --workdir=runs/curvature_map --config.run=runs/skip
      --config.twin=runs/no-skip

Expected: TODO
Run time: TODO
"""

from experiments.curvature_map import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

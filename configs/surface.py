"""Loss surfaces around one checkpoint of a training run.

Paper: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018).
Command, for the networks of `configs/train.py` and their twins:

    python -m experiments.train --workdir=runs/skip --config.skip=identity
    python -m experiments.train --workdir=runs/no-skip --config.skip=none
    python -m experiments.surface --workdir=runs/surface-skip --config.run=runs/skip
    python -m experiments.surface --workdir=runs/surface-no-skip --config.run=runs/no-skip

Expect, for MLPs of 8 to 40 blocks on digits: a share of points that curve downwards of about 0.01
with skips scaled by 1 / sqrt(depth) and 0.3 to 0.5 without any.
Run time: seconds per plane for an MLP on two CPU cores; a ResNet-20 takes about 0.1 s per point for
256 images of 8 x 8.
"""

from experiments.surface import Config


def get_config() -> Config:
    """Returns the defaults of `experiments.surface.Config`."""
    return Config()

"""Loss surfaces around one checkpoint of a training run and of its twin, side by side.

Papers: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018); Garipov et
al. (2018) for the plane through three networks. Command, for the networks of `configs/train.py` and their
twins:

    python -m experiments.train --workdir=runs/skip --config.skip=identity
    python -m experiments.train --workdir=runs/no-skip --config.skip=none
    python -m experiments.surface --workdir=runs/surface --config.run=runs/skip
      --config.twin=runs/no-skip

Other directions: --config.directions=eigenvectors, gradient, pca, other (with --config.other=runs/NAME) or
three (and --config.third=runs/NAME); lines instead of planes: --config.dimensions=1.
Expect, for those networks: a share of the area better than chance of about 0.27 with skips and 0.01 without;
the share of points with a negative Laplacian, 0.43, is the same in both. How many curve downwards in some
direction is what `experiments.terrain` counts.
Run time: seconds per plane for an MLP on two CPU cores; a ResNet-20 takes about 0.1 s per point for
256 images of 8 x 8.
"""

from experiments.surface import Config


def get_config() -> Config:
    """Returns the defaults of `experiments.surface.Config`, with a figure."""
    return Config(figure=True)

"""Every measure of sharpness, of a trained network and of its twin at one training loss.

Papers: those of `lsgeo.geometry.sharpness` and `lsgeo.geometry.singularities`; Dinh et al. 2017 for why there
are several. Command, for the networks of `configs/train.py` and their twins:

    python -m experiments.train --workdir=runs/skip --config.skip=identity
    python -m experiments.train --workdir=runs/no-skip --config.skip=none
    python -m experiments.sharpness --workdir=runs/sharpness --config.run=runs/skip
      --config.twin=runs/no-skip

Expected: the network without skips is the sharper one by most measures, by a factor that is not the same for
those that move with a rescaling of the layers and those that do not.
Seen for one seed of the default MLPs, with layer norm: a factor of 17 to 53, but 0.95 for the Fisher-Rao norm
and 2.6 for the learning coefficient. Their layer norm leaves no rescaling symmetry. Without it
(--config.norm=none --config.depth=6 in training) all 224 hidden units of the plain network had their exact
zero mode, and 5 of 224 with skips, all of them dead.
Run time: about 2 minutes of processor time for both networks.
"""

from experiments.sharpness import Config


def get_config() -> Config:
    """Returns the configuration: the checkpoint at training loss 0.5, which both networks reach."""
    return Config(checkpoints=("loss_0.5",))

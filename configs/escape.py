"""Do skip connections help training to get away from bad minima, plateaus and saddles?

Papers: Goldblum et al. 2020, Truth or backpropaganda?, lemma 1 and table 1, for the bad minimum; Orhan and
Pitkow 2018, Skip connections eliminate singularities, for the dead layer; Hardt and Ma 2017, Identity matters
in deep learning, for the zero point. Falsifier: the 95 % intervals of the rates of escape overlap.
Command: python -m experiments.escape --config=configs/escape.py --workdir=runs/escape
Expected, within 2000 steps, with and without momentum: from a dead layer and from the zero point 20 of 20 networks
  with skips escape and 0 of 20 without, with mini-batches and with gradient descent. From the bad minimum the
  intervals of the plain network and the network with skips overlap: they train alike, step for step, until a
  ReLU turns off. Gradient descent never leaves it. With a scaled skip fewer runs leave it: its branches move more
  slowly.
Run time: under 3 minutes on two CPU cores.
"""

from experiments.escape import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

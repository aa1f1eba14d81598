"""Do skip connections help training to get away from bad minima, plateaus and saddles?

Papers: Goldblum et al. 2020, Truth or backpropaganda?, lemma 1 and table 1, for the bad minimum; Orhan and
Pitkow 2018, Skip connections eliminate singularities, for the dead layer; Hardt and Ma 2017, Identity matters
in deep learning, for the zero point. Falsifier: the 95 % intervals of the rates of escape overlap.
Command: python -m experiments.escape --config=configs/escape.py --workdir=runs/escape
Expected, of 20 runs each, within 2000 steps, with and without momentum:
  dead layer, zero point: all escape with skips and none without, with mini-batches and with gradient descent;
  bad minimum: gradient descent never leaves it. With mini-batches the intervals of the networks with and
  without skips overlap: both train alike, step for step, until a ReLU turns off. With a scaled skip fewer runs
  leave it, for its branches move more slowly at the same learning rate.
Run time: under 3 minutes on two CPU cores.
"""

from experiments.escape import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

"""Kinds of points that searches for critical points end in, from the trajectories of twins.

Papers: Dauphin et al. 2014 and Pennington & Bahri 2017 for index against loss; Frye et al. 2021 for why most
ends of such searches are gradient-flat and no critical points.
Command: python -m experiments.critical_points --config=configs/critical_points.py --workdir=runs/critical
  --config.method=newton_mr,saddle_free adds searches that leave saddles; --config.run and --config.twin take
  networks of your own.
Expected: of 10 searches by Newton-MR from each kind of twin (95 parameters, 200 examples, tanh, squared error),
  8 end gradient-flat, 1 in a saddle and 1 does not arrive, with skips and without: a share of gradient-flat of
  0.8, 95 % interval 0.49 to 0.94 if the searches were independent, which those of one network are not. The
  saddle with skips, at a loss of 1/3, predicts the mean of the targets. Saddle-free Newton goes to losses under
  0.1 and mostly does not arrive in 300 steps: 2 minima of 10 without skips, none with. So few critical points
  do not tell the twins apart, and do not test the law of the index: it was fitted to three points.
Run time: about 1.5 minutes of processor time; with both methods 4.5 minutes, measured on a busy machine.
"""

from experiments.critical_points import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

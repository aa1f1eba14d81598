"""What the layers of a network hold and hand on, with skips and without.

Papers: Kornblith et al. 2019 (CKA), Huang et al. 2017 (feature reuse of DenseNets), Veit et al. 2016 (paths),
Li and Papyan 2023 (residual alignment).
Command: python -m experiments.representations --config=configs/representations.py
  --workdir=runs/representations
Expected, for one seed of MLPs of 16 blocks trained with weight decay: the gradient is 1.3 +- 0.1 blocks deep
  with skips and 16 without; CKA of the bottom and the top of the stream 0.75 against 0.30; the states lie on
  a line by 0.66 against 0.25 (a walk of orthogonal steps has 0.61). Singular vectors of consecutive branches
  align by 0.36 with skips and 0.31 without, by chance 0.18: far less than in the paper, whose networks are
  trained for longer. The largest singular value is 0.66, 0.82, 0.67 and 0.40 with 2, 4, 8 and 16
  blocks, no law of 1 / L; without skips it stays near 2. The plain network of 16 blocks ends at a
  higher loss, 0.46 against 0.02, after a jump in its last steps: for a comparison at one loss give two runs
  and a checkpoint.
Run time: about 150 s of processor time.
"""

from experiments.representations import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

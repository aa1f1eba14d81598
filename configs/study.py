"""The main job: twins with and without skips on the handwritten digits, from training to verdicts.

Papers: Li et al. 2018 (surfaces), Orhan and Pitkow 2018 (degeneracy), He et al. 2016 (networks); each verdict
names what contests it.
Command: make study, or python -m experiments.study --config=configs/study.py --workdir=runs/study
Expected, without skips over with skips at training loss 0.5, from five seeds: MLP of depth 16: largest
eigenvalue about 21 (95 % interval 14 to 31), trace 19, steps to that loss 11 (a bound, for not every network
gets there); ResNet-14: 2, 2 and 1.7.
Run time: about 5 min on two CPU cores.
"""

from experiments.study import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

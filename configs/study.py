"""The main job: twins with and without skips on the handwritten digits, from training to verdicts.

Papers: Li et al. 2018 (surfaces), Orhan and Pitkow 2018 (degeneracy), He et al. 2016 (networks); each verdict
names what contests it.
Command: make study, or python -m experiments.study --config=configs/study.py --workdir=runs/study
"""

from experiments.study import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()

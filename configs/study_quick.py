"""The main job: twins with and without skips on the handwritten digits, from training to verdicts.

Papers: each claim of `lsgeo.study.CLAIMS` names its own, and what contests it.
Command: make study, or python -m experiments.study --config=configs/study_quick.py --workdir=runs/study
Expected: the page; C2, C5 and three of the five laws need what only the standard study has.
Run time: about 5 min on two CPU cores.
"""

from experiments.study import Config
from lsgeo.study.config import Family


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        mlp=Family(
            depths=(4, 16),
            num_probes=2,
            num_steps=40,
            trace_matvecs=30,
            without=("smoothness", "stable_rate", "degenerate", "sweep"),
            cost=4.0,
        ),
        resnet=Family(
            model="resnet",
            norms=("batch",),
            depths=(14,),
            width=8,
            num_train=80,
            learning_rate=0.005,
            max_steps=200,
            speed_steps=60,
            num_probes=2,
            num_steps=20,
            trace_matvecs=12,
            resolution=13,
            planes=1,
            without=("sharpness", "smoothness", "subspace", "paths"),
            cost=8.0,
        ),
        claims="C1,C2,C3,C4,C5,C6,C9,C10",
    )

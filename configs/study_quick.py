"""The main job: twins with and without skips on the handwritten digits, from training to laws and verdicts.

Papers: each claim of `lsgeo.study.CLAIMS` names its own, and what contests it.
Command: make study, or python -m experiments.study --config=configs/study_quick.py --workdir=runs/study
Expected: every law has a curve over three depths and every claim a number; three pairs of twins decide little.
Run time: --dry-run estimates it; six minutes on two CPU cores are meant.
"""

from experiments.study import Config
from lsgeo.study.config import Family


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        mlp=Family(
            norms=("layer", "none"),
            arms="plain,residual,scaled",
            depths=(4, 8, 16),
            width=8,
            num_train=200,
            max_steps=1000,
            speed_steps=120,
            learning_rates=(0.01, 0.03, 0.1),
            num_probes=1,
            num_steps=32,
            trace_matvecs=12,
            resolution=11,
            planes=1,
            without=("sweep", "smoothness", "subspace", "paths", "alignment", "conditioning"),
            cost=0.7,
        ),
        resnet=Family(
            model="resnet",
            norms=("batch",),
            depths=(8,),
            width=8,
            num_train=80,
            learning_rate=0.005,
            max_steps=200,
            speed_steps=60,
            learning_rates=(0.01, 0.03),
            num_probes=1,
            num_steps=16,
            trace_matvecs=12,
            resolution=11,
            planes=1,
            without=("sharpness", "smoothness", "subspace", "paths", "stable_rate", "sweep"),
            cost=4.0,
        ),
        claims="C1,C2,C3,C4,C5,C6,C9,C10",
        laws="L1,L2,L3,L4,L5",
        num_seeds=3,
    )

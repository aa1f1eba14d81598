"""A study of the smallest size that goes through every step; for tests, its verdicts mean nothing.

Paper: as `configs/study_quick.py`.
Command: python -m experiments.study --config=configs/study_tiny.py --workdir=runs/tiny
Expected: report.html, verdicts.json, laws.json and results.csv; no number in them matters.
"""

from experiments.study import Config
from lsgeo.study.config import Family


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        mlp=Family(
            depths=(2,),
            width=8,
            num_train=60,
            learning_rates=(0.01, 0.03),
            learning_rate=0.03,
            max_steps=60,
            speed_steps=30,
            num_probes=2,
            num_steps=8,
            trace_matvecs=9,
            resolution=3,
            planes=1,
            end_loss=0.5,
            without=("sharpness",),
        ),
        claims="C2,C4,C6,C9",
        num_seeds=2,
        matched_loss=1.0,
    )

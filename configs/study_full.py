"""The study at the size of the papers: CIFAR-10 with ResNets, DenseNet-BC and ViT-Ti, as published.

Papers: He et al. 2016 (ResNets), Huang et al. 2017 (DenseNet-BC), Touvron et al. 2021 (ViT-Ti), Li et al. 2018
(plain twins); each claim of `lsgeo.study.CLAIMS` names its own.
Command, on each of n machines with one GPU or more, with the data below DIR:
  python -m experiments.study --config=configs/study_full.py --workdir=runs/full --shard=k/n
    --config.resnet.root=DIR --config.densenet.root=DIR --config.vit.root=DIR
then, with all runs/ in one directory, the same without --shard for the page. Another data set:
  --config.resnet.dataset=cifar100, and so on.
Expected test errors of the ResNets, in %, with and without shortcuts (Li et al. 2018): depth 20 7.37 and 8.18,
56 5.89 and 13.31, 110 5.79 and 16.44.
Run time: --dry-run estimates it. Untested: it has been planned, never run.
"""

from experiments.study import Config
from lsgeo.study.config import Family

# Curvature and surfaces on a part of the training data; what needs many trainings is left to smaller tiers.
_COMMON = {
    "dataset": "cifar10",
    "num_train": 0,
    "num_examples": 5000,
    "eval_batch_size": 1000,
    "batch_size": 128,
    "optimizer": "nesterov",
    "eval_every": 391,
    "end_loss": 0.0,
    "learning_rates": (0.01, 0.03, 0.1, 0.3, 1.0),
    "speed_steps": 8000,
    "num_steps": 64,
    "trace_matvecs": 60,
    "resolution": 51,
    "without": ("escape", "connectivity", "stable_rate", "conditioning", "paths", "alignment"),
}


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        resnet=Family(
            **_COMMON,
            model="resnet",
            norms=("batch", "none"),
            depths=(20, 56, 110),
            width=16,
            recipe="li",
            cost=7200.0,
        ),
        densenet=Family(
            **_COMMON,
            model="densenet",
            norms=("batch",),
            arms="plain,dense",
            options="growth=12, bottleneck=True, compression=0.5",
            depths=(40, 100),
            width=24,
            recipe="li",
            cost=14400.0,
        ),
        vit=Family(
            **_COMMON,
            model="vit",
            norms=("layer",),
            arms="plain,residual,scaled",
            options="heads=3, patch=4",
            depths=(12,),
            width=192,
            learning_rate=0.01,
            max_steps=78000,
            cost=14400.0,
        ),
        claims="C1,C3,C4,C5,C6,C9,C10,C15,C18",
    )

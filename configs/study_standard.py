"""All claims on digits and synthetic data: MLPs, ResNets, a DenseNet, a tiny ViT, thirteen types of skips.

Papers: each claim of `lsgeo.study.CLAIMS` names its own, and what contests it.
Command: python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard
Expected: docs/findings.md.
Run time: one to two hours on two CPU cores; a killed run continues. Disk: 190 MB.
"""

from experiments.study import Config
from lsgeo.study.config import Family

_ALL_TYPES = (
    "plain,residual,scaled,halved,exclusive-gate,shortcut-gate,projection,dropout,highway,"
    "learnable,layerscale,hyper,mhc"
)
# What takes long and is seen in the other families, or says nothing of a chain of two blocks.
_DEAR = ("subspace", "conditioning")
_CHAINS = ("alignment", "paths")
_TYPES_WITHOUT = (
    *(*_CHAINS, "subspace", "surface", "sharpness", "smoothness", "escape", "connectivity"),
    *("stable_rate", "confusion", "gradient_flow", "lesions", "reuse"),
)

_CONVOLUTIONS = {
    **{"num_train": 80, "max_steps": 300, "speed_steps": 60},
    **{"num_probes": 2, "num_steps": 24, "trace_matvecs": 18, "resolution": 13},
}
_MIXTURE = {
    "dataset": "gaussian-mixture",
    "data_options": "num_classes=10, dim=20, separation=4.0",
}


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        mlp=Family(
            norms=("layer", "none"),
            depths=(4, 8, 16),
            arms="plain,residual,scaled,identity-biased,learnable",
            learning_rate=0.001,
            max_steps=3000,
            speed_steps=300,
            learning_rates=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
            cost=5.0,
        ),
        resnet=Family(
            model="resnet",
            norms=("batch", "layer", "none"),
            depths=(8, 14),
            width=8,
            learning_rate=0.005,
            **_CONVOLUTIONS,
            without=(*_DEAR, *_CHAINS, "connectivity"),
            cost=8.0,
        ),
        densenet=Family(
            model="densenet",
            norms=("batch",),
            arms="plain,dense",
            options="growth=6",
            depths=(10,),
            width=12,
            learning_rate=0.02,
            **_CONVOLUTIONS,
            without=(*_DEAR, *_CHAINS, "sharpness", "smoothness"),
            cost=8.0,
        ),
        vit=Family(
            model="vit",
            norms=("layer", "none"),
            arms="plain,residual,scaled",
            options="heads=2, patch=2",
            depths=(4,),
            width=16,
            num_train=200,
            learning_rate=0.01,
            max_steps=600,
            speed_steps=100,
            num_probes=2,
            num_steps=32,
            trace_matvecs=30,
            resolution=13,
            without=(*_DEAR, *_CHAINS, "sharpness", "connectivity"),
            cost=12.0,
        ),
        synthetic=Family(
            **_MIXTURE,
            arms="plain,residual,scaled",
            depths=(16,),
            max_steps=2000,
            without=(*_DEAR, "escape", "connectivity", "stable_rate"),
            cost=5.0,
        ),
        types=Family(arms=_ALL_TYPES, depths=(8,), without=_TYPES_WITHOUT, cost=4.0),
        types_synthetic=Family(
            **_MIXTURE,
            arms=_ALL_TYPES,
            depths=(8,),
            max_steps=2000,
            without=_TYPES_WITHOUT,
            cost=4.0,
        ),
    )

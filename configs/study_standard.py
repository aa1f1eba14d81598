"""All claims and laws: MLPs, ResNets, a DenseNet, tiny ViTs and many types of skips, on digits and MNIST-5k.

Papers: each claim of `lsgeo.study.CLAIMS` names its own, and what contests it.
Command: make standard, or
  python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard
Needs: pip install 'lsgeo[data]' for MNIST-5k, which needs no network beyond that.
Expected: docs/findings.md. Each pair of twins has its own split of the data. ResNets and the DenseNet train on
2,000 images of 14 x 14 pixels in mini-batches of 100; their curvature is that of the first 200 of these images.
Run time: --dry-run estimates it, without compilation, which takes up to two minutes for each of 89 kinds of
networks; two hours on two CPU cores are meant and not yet measured. A killed run continues, and a second one
does nothing.
"""

from experiments.study import Config
from lsgeo.study.config import Family

_TYPES = (
    "plain,residual,scaled,identity-biased,halved,exclusive-gate,shortcut-gate,projection,dropout,highway,"
    "learnable,layerscale,hyper,mhc"
)
_FACTORS = "shortcut-0.25,shortcut-0.75,shortcut-0.9,shortcut-1.1,shortcut-1.25"
# What takes long and is seen in the MLPs, or says nothing of a chain of two blocks.
_DEAR = ("subspace", "conditioning", "sweep", "degenerate", "stalls", "escape", "connectivity")
_CHAINS = ("alignment", "paths")
# Too dear for networks with convolutions or attention.
_LARGE = (*_DEAR, *_CHAINS, "sharpness", "stable_rate")
_SIDE = (
    *(*_DEAR, *_CHAINS, "surface", "sharpness", "smoothness", "stable_rate", "confusion"),
    *("gradient_flow", "lesions", "reuse"),
)

# What the networks of the family "Starts" are asked in place of all MLPs.
_ELSEWHERE = ("connectivity", "escape", "stalls", "subspace")
_STARTS_TOO = ("sharpness", "stable_rate", "gradient_flow", *_ELSEWHERE)

# On one core a step takes 0.04 s in a ResNet-8, 0.08 s in the DenseNet, and a Hessian product 0.2 s. In pilots
# of one seed the plain-wide network was at 16 % of the optimiser's limit at the compared loss; the narrow plain
# DenseNet did not get there in 1,600 steps.
_CONVOLUTIONS = {
    **{"dataset": "mnist-5k", "data_options": "size=14", "num_train": 2000},
    **{"batch_size": 100, "eval_batch_size": 500, "eval_every": 50, "num_examples": 200},
    **{"max_steps": 700, "speed_steps": 60, "learning_rates": (0.003, 0.01, 0.03, 0.1)},
    **{"num_probes": 1, "num_steps": 20, "trace_matvecs": 12, "resolution": 9, "planes": 1},
}
_MIXTURE = {
    "dataset": "gaussian-mixture",
    "data_options": "num_classes=10, dim=20, separation=4.0",
}
# The rate of the trainings that are measured; where claims are asked of a sweep, it goes to a tenth of it.
_STEADY = {
    **{"learning_rate": 0.002, "max_steps": 2000, "speed_steps": 400},
    "learning_rates": (0.003, 0.01, 0.03, 0.1, 0.3),
    **{"num_probes": 2, "num_steps": 40, "trace_matvecs": 40},
}
_VIT = {
    **{"model": "vit", "options": "heads=2, patch=2", "depths": (4,), "width": 16},
    **{"num_train": 200, "learning_rate": 0.0015, "max_steps": 2000, "speed_steps": 200},
    **{"num_probes": 2, "num_steps": 32, "trace_matvecs": 30, "resolution": 13},
}


def get_config() -> Config:
    """Returns the configuration."""
    return Config(
        mlp=Family(
            **_STEADY,
            norms=("layer", "none"),
            depths=(4, 8, 16),
            arms="plain,residual,scaled",
            without=(*_ELSEWHERE, "sweep none", "degenerate none"),
            cost=2.2,
        ),
        resnet=Family(
            **_CONVOLUTIONS,
            model="resnet",
            norms=("batch",),
            depths=(8,),
            width=8,
            learning_rate=0.003,
            without=(*_LARGE, "smoothness"),
            cost=30.0,
        ),
        densenet=Family(
            **_CONVOLUTIONS | {"max_steps": 1000},
            model="densenet",
            norms=("batch",),
            arms="plain,plain-wide,dense,dense-near",
            options="growth=6",
            depths=(10,),
            width=12,
            learning_rate=0.0015,
            without=(*_LARGE, "smoothness", "speed", "surface"),
            cost=40.0,
        ),
        vit=Family(
            **_VIT,
            norms=("layer", "none"),
            arms="plain,residual,scaled",
            without=_LARGE,
            cost=7.0,
        ),
        synthetic=Family(
            **_MIXTURE,
            arms="plain,residual,scaled",
            depths=(8,),
            learning_rate=0.001,
            max_steps=3000,
            without=(*_DEAR, "stable_rate"),
            cost=2.4,
        ),
        types=Family(
            arms=f"{_TYPES},{_FACTORS}",
            depths=(8,),
            learning_rate=0.001,
            max_steps=4000,
            speed_steps=400,
            without=_SIDE,
            cost=2.5,
        ),
        depths=Family(
            **_STEADY | {"learning_rate": 0.001, "max_steps": 4000, "speed_steps": 250},
            norms=("none",),
            arms="plain,residual,scaled,inverse,two-layer,two-layer-scaled",
            depths=(4, 8, 16, 32),
            without=tuple(name for name in _SIDE if name != "stable_rate"),
            cost=2.0,
        ),
        starts=Family(
            **_STEADY | {"learning_rate": 0.0005, "max_steps": 6000},
            norms=("none",),
            arms="plain,residual,scaled,identity-biased,orthogonal,orthogonal-skip,tat,dks",
            depths=(16,),  # Up to 12 layers TAT is an orthogonal start with ReLUs.
            without=tuple(name for name in _SIDE if name not in _STARTS_TOO),
            cost=2.4,
        ),
        places=Family(
            **_VIT,
            arms="plain,residual,scaled-norm,attention-residuals,post-norm",
            without=(*_LARGE, "smoothness", "speed", "surface"),
            cost=7.0,
        ),
        laws="L1,L2,L3,L4,L5",
    )

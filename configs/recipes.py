"""The recipes of the papers on CIFAR-10, each with a network that it was published for.

Papers: those that `lsgeo.training.PAPER_RECIPES` names, with what is uncertain of each.
Command: python -m experiments.train --config=configs/recipes.py:li --workdir=runs/li
Expected test errors, in %, at depth 20: he 8.75, he-200-epochs 8.27, li 7.37 with and 8.18 without shortcuts
(--config.skip=none); at depth 56 (--config.depth=56): 6.97, 6.61, 5.89 and 13.31.
Run time: tens of minutes on one GPU for 200 epochs of ResNet-20; days on a CPU.
"""

import dataclasses

from experiments.train import Config
from lsgeo import training

_MLP = {"model": "mlp", "depth": 2, "width": 200, "skip": "none", "norm": "none"}
_NETWORKS = {"cohen": {**_MLP, "activation": "tanh"}}
_RESNET = {"model": "resnet", "depth": 20, "width": 16, "norm": "batch"}


def get_config(name: str = "he-200-epochs") -> Config:
    """Returns the configuration of a recipe.

    Args:
      name: one of `lsgeo.training.PAPER_RECIPES`.
    """
    paper = training.paper_recipe(name)
    return Config(
        **dataclasses.asdict(paper.recipe),
        **_NETWORKS.get(name, _RESNET),
        dataset="cifar10",
        num_train=paper.num_train,
        augment=paper.augment,
        mixup=paper.mixup,
        loss=paper.loss,
        label_smoothing=paper.label_smoothing,
        eval_batch_size=1000,
    )

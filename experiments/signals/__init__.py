"""Measures what signals and gradients go through at initialisation, with and without skip connections.

Over depths, skip types and seeds: gradient norm of the first block over the last one, correlation of
the input gradients between examples, moment ratio of the input-output Jacobian, and how much the last
block changes the stream. Nothing is trained.

python -m experiments.signals --config=configs/signals.py --workdir=runs/signals
"""

import dataclasses
import functools
import os

from experiments.common.fields import check_least
from experiments.common.steps import Progress, Steps
from experiments.signals._measure import PANELS as PANELS
from experiments.signals._measure import draw, measure
from lsgeo import data, models, runs
from lsgeo.results import entries


@dataclasses.dataclass
class Config:
    """Signals in networks at initialisation.

    Attributes:
      dataset: name of the data, see `lsgeo.data`.
      model: name of the model family, whose blocks keep one width.
      depths: numbers of blocks (6 n + 2 for a resnet).
      width: units, or channels of the first stage.
      skips: skip types, with their options; one that no arm has goes by its own name in figures.
      norm: normalisation, the same in all arms; batch norm has the statistics of the examples.
      num_seeds: networks for each depth and skip type.
      num_examples: training examples that are looked at.
      seed: of the first network; the others follow.
    """

    dataset: str = "digits"
    model: str = "mlp"
    depths: tuple[int, ...] = (2, 4, 8, 16, 32)
    width: int = 64
    skips: tuple[str, ...] = ("none", "identity", "scaled")
    norm: str = "none"
    num_seeds: int = 5
    num_examples: int = 64
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures every network into arrays/SKIP_DEPTH.npz and draws figures/signals.svg.

    Returns:
      The Run. An entry has, one value per seed: gradient_ratio, input_gradient_correlation,
      moment_ratio, change, loss; and kernels [seeds, kernels of the blocks], the gradient norms. A change
      that no block has is NaN, with "applies", false, and why in text.
    """
    _check(config)
    dataset = data.load(config.dataset, num_train=config.num_examples)
    networks = {
        f"{skip}_{depth}": models.create(
            config.model,
            depth=depth,
            skip=skip,
            num_classes=dataset.num_classes,
            **entries(config, ("width", "norm")),
        )
        for skip in config.skips
        for depth in config.depths
    }
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    step = Steps(progress, len(networks))
    for name, model in networks.items():
        opened.stage(name, "", functools.partial(measure, config, model, dataset))
        step(name)
    draw(config, opened)
    return opened


def _check(config):
    check_least(config, num_seeds=1, num_examples=1)
    for name in ("depths", "skips"):
        if not getattr(config, name):
            raise ValueError(f"`{name}` must not be empty.")
    if min(config.depths) < 2:
        raise ValueError(
            f"`depths` must be at least 2: a ratio needs two blocks; got {config.depths}."
        )
    for skip in config.skips:
        models.skips.parse(skip)

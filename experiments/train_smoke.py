"""Trains one small member of every family of networks on the digits, and fails where one does not learn.

python -m experiments.train_smoke --config=configs/train_smoke.py --workdir=runs/train-smoke
"""

import dataclasses
import os
import pathlib
from typing import Any

from experiments import train
from experiments.common.data import TOKENS
from experiments.common.launch import launch
from experiments.common.steps import Progress, Steps
from lsgeo import runs

COLUMNS = ("num_parameters", "step", "seconds", "train_accuracy")
_but = dataclasses.replace

# What all rows share. On a CPU convolutions must be small: 8 x 8 pixels, few examples, 8 channels.
_DENSE = train.Config(num_train=400, num_test=50, optimizer="adam", learning_rate=0.003)
_DENSE = _but(_DENSE, max_steps=600, stop_loss=0.03, loss_levels=(), eval_every=100)
_DENSE = _but(_DENSE, checkpoints=False, save_every=0)
_CONVOLUTIONAL = _but(
    _DENSE, num_train=100, model="resnet", depth=8, width=8, learning_rate=0.01, max_steps=200
)
ROWS: dict[str, train.Config] = {
    "mlp": _but(_DENSE, depth=8, width=32, norm="layer"),
    "mlp, two layers": _but(_DENSE, depth=4, width=32, norm="layer", options="block='two_layer'"),
    "highway": _but(_DENSE, model="highway", depth=8, width=32),
    "resnet": _CONVOLUTIONAL,
    "pre-activation resnet": _but(_CONVOLUTIONAL, options="preactivation=True"),
    "wide resnet": _but(
        _CONVOLUTIONAL,
        depth=10,
        options="preactivation=True, widen=2, shortcut='b', shared_activation='changed'",
    ),
    "densenet": _but(_CONVOLUTIONAL, model="densenet", depth=13, options="growth=6"),
    "vit": _but(_DENSE, model="vit", num_train=200, depth=2, width=32),
    # A pixel that does not follow from those before it has a loss that no training removes: 0.05 in all.
    "decoder": _but(
        _DENSE,
        model="decoder",
        dataset=TOKENS,
        num_train=30,
        depth=2,
        width=64,
        stop_loss=0.12,
        max_steps=1500,
    ),
    "mixer": _but(_DENSE, model="mixer", num_train=200, depth=2, width=32),
}


@dataclasses.dataclass
class Config:
    """A check that every family trains.

    Attributes:
      families: names of `ROWS`, separated by semicolons; "" takes all.
      least: share of the training examples (of a decoder: of the tokens) that a network must get right.
    """

    families: str = ""
    least: float = 0.95


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Trains each family into WORKDIR/FAMILY and prints a table; what has been trained is left alone.

    Returns:
      The Run; its "summary" has family, num_parameters, step, seconds, train_accuracy, one entry each.

    Raises:
      ValueError: for a network that gets fewer right than `least`; names those.
    """
    names = [name.strip() for name in config.families.split(";")] if config.families else [*ROWS]
    for name in names:
        if name not in ROWS:
            raise ValueError(
                f"Unknown name in `families`: {name!r}. Choose from: {'; '.join(ROWS)}."
            )
    opened = runs.open_run(workdir, config)
    found, step = [], Steps(progress, len(names))
    for name in names:
        folder = pathlib.Path(workdir) / name.replace(", ", "-").replace(" ", "-")
        found.append(train.run(ROWS[name], folder).load("summary"))
        step(name)
    columns = {key: [summary[key] for summary in found] for key in COLUMNS}
    opened.save("summary", {"family": names, **columns})
    if progress is not None:
        print("\n".join(table(opened.load("summary"))))
    reached = zip(names, columns["train_accuracy"], strict=True)
    short = [f"{name} ({share:.1%})" for name, share in reached if not share > config.least]
    if short:
        raise ValueError(f"Not over {config.least:.0%} of the training set: {', '.join(short)}.")
    return opened


def table(summary: dict[str, Any]) -> list[str]:
    """The lines of the table of a summary."""
    lines = [f"{'family':24}{'parameters':>12}{'steps':>8}{'seconds':>9}{'accuracy':>10}"]
    columns = (summary[name] for name in ("family", *COLUMNS))
    for name, count, step, seconds, accuracy in zip(*columns, strict=True):
        lines.append(f"{name:24}{count:12d}{step:8d}{seconds:9.1f}{accuracy:10.1%}")
    return lines


if __name__ == "__main__":
    launch(run, config_file="configs/train_smoke.py")

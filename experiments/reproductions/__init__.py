"""Measures numbers that others have published, where one CPU core and five minutes a number are enough.

Each number is a record that says what is published, what is not as published here, and from where to where the
interval must reach. `python -m docs.draw_reproductions runs/reproductions` keeps a finished run's numbers and
draws the table of docs/reproductions.md. MNIST-5k and MNIST-1D need `pip install 'lsgeo[data]'`.

python -m experiments.reproductions --config=configs/reproductions.py --workdir=runs/reproductions
python -m experiments.reproductions --config.only=mnist_1d_mlp --workdir=runs/one-number
"""

import dataclasses
import functools
import os
import pathlib

from experiments.common.steps import Progress, Steps, report
from experiments.reproductions import (
    _conditioning,
    _gradient_law,
    _lesions,
    _mnist_1d,
    _sharpness,
    records,
)
from lsgeo import runs

RECORDS = (
    *_gradient_law.RECORDS,
    *_sharpness.RECORDS,
    *_lesions.RECORDS,
    *_mnist_1d.RECORDS,
    *_conditioning.RECORDS,
)


@dataclasses.dataclass
class Config:
    """Which numbers are measured, and at which sizes.

    Attributes:
      only: names of numbers; () takes all.
      seed: of all that is random.
      gradients: of the gradient at initialisation.
      depths: of the sharpness over depth.
      edges: of the edge of stability.
      lesions: of deleted blocks.
      mnist_1d: of MNIST-1D's table.
      conditioning: of deep linear networks.
    """

    only: tuple[str, ...] = ()
    seed: int = 0
    gradients: _gradient_law.Gradients = dataclasses.field(default_factory=_gradient_law.Gradients)
    depths: _sharpness.Depths = dataclasses.field(default_factory=_sharpness.Depths)
    edges: _sharpness.Edges = dataclasses.field(default_factory=_sharpness.Edges)
    lesions: _lesions.Lesions = dataclasses.field(default_factory=_lesions.Lesions)
    mnist_1d: _mnist_1d.Mnist1D = dataclasses.field(default_factory=_mnist_1d.Mnist1D)
    conditioning: _conditioning.Conditioning = dataclasses.field(
        default_factory=_conditioning.Conditioning
    )


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each number into arrays/NAME.npz; those that are there are left alone.

    Returns:
      The Run. An entry has value, lower and upper (a 95 % interval), seconds, and what they were made of.

    Raises:
      ValueError: for a name that no record has, or sizes that give no interval.
    """
    chosen = _chosen(config)
    opened = runs.open_run(workdir, config)
    step, lines = Steps(progress, len(chosen)), []
    for record in chosen:
        measure = functools.partial(
            record.measure,
            getattr(config, record.sizes),
            config.seed,
            pathlib.Path(workdir),
            step.within(record.name),
        )
        found = opened.stage(record.name, "", measure)
        lines.append(_line(record, found))
        step(lines[-1])
    report(progress, opened, lines)
    return opened


def _chosen(config):
    known = {record.name: record for record in RECORDS}
    for name in config.only:
        if name not in known:
            raise ValueError(
                f"`only` names {name!r}, which is no number. Choose among: {', '.join(known)}."
            )
    return [record for record in RECORDS if not config.only or record.name in config.only]


def _line(record: records.Reproduction, found):
    ours = f"{found['value']:.4g} [{found['lower']:.4g}, {found['upper']:.4g}]"
    return f"{record.name}: {ours}, published {record.published}: {record.verdict(found)}"

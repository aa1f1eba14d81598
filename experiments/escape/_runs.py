"""The trainings of `experiments.escape`: each kind, measured, compared with the first arm's, and drawn."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from experiments.common.figures import save_figure
from experiments.common.steps import Progress
from experiments.escape import _starts
from lsgeo import geometry, plotting, runs, study
from lsgeo.results import entries, restored

# What is stored of the runs: all but the parameters that they ended with.
STORED = [field.name for field in dataclasses.fields(geometry.Escapes) if field.name != "ends"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of training, and the name of its file."""

    start: str
    arm: str
    batch_size: int
    momentum: float

    def __str__(self) -> str:
        return f"{self.card}_{self.optimizer}_{self.momentum:g}"

    @property
    def card(self) -> str:
        """The name of the file that says from what point it starts."""
        return f"{self.start}_{self.arm}"

    @property
    def optimizer(self) -> str:
        """The name of the optimiser."""
        return f"sgd{self.batch_size}" if self.batch_size else "gd"


def kinds(config: Any, arms: Sequence[str]) -> list[Kind]:
    """All kinds of training, those of the first arm before others that they are compared with."""
    axes = (config.starts, arms, config.batch_sizes, config.momenta)
    return [Kind(*values) for values in itertools.product(*axes)]


def load_escapes(escape_run: runs.Run, name: str) -> geometry.Escapes:
    """Reads the runs of one entry, START_ARM_OPTIMISER, without the parameters that they ended with."""
    return restored(geometry.Escapes, escape_run.load(name))


def measure(
    config: Any,
    problem: _starts.Problem,
    opened: runs.Run,
    kind: Kind,
    first: str,
    progress: Progress | None,
) -> dict[str, Any]:
    """Trains from all starts, and compares the runs with those of the first arm, which are there already."""
    loss = _starts.loss_of(config, problem, kind.start, kind.arm)
    points = _starts.starts_of(config, problem, kind.start, kind.arm)
    found = geometry.escape(
        loss,
        points,
        problem.batch,
        key=jax.random.fold_in(jax.random.key(config.seed), 1),
        optimizer=_starts.optimizer_of(config, kind.start, kind.momentum),
        batch_size=kind.batch_size,
        **entries(config, ("num_steps", "fraction", "every")),
        progress=progress,
    )
    compared = {}
    if kind.arm != first:
        other = load_escapes(opened, str(dataclasses.replace(kind, arm=first)))
        pair = geometry.compare_escapes(found, other)
        compared = entries(pair, ("difference", "overlap", "p_value"))
        compared |= {"lower_difference": pair.lower, "upper_difference": pair.upper}
    intervals = {
        **dict(zip(("lower", "upper"), found.interval(), strict=True)),
        **dict(zip(("median", "median_lower", "median_upper"), found.median(), strict=True)),
    }
    risen = _barriers(loss, points, found, problem.batch)
    facts = {"rate": found.rate, "barriers": risen, "text": str(found)}
    return {**entries(found, STORED), **intervals, **facts, **compared}


def _barriers(loss, starts, runs, batch, count=5):
    # Rise of the loss over the start's on the line to where a run has got, for the first escaped ones.
    found = []
    for i in np.flatnonzero(np.isfinite(runs.times))[:count]:
        one, other = (jax.tree.map(lambda leaf, i=i: leaf[i], side) for side in (starts, runs.ends))
        line = geometry.linear_barrier(loss, one, other, batch)
        found.append(np.max(line.losses) - line.losses[0])
    return np.array(found, float)


def draw(opened: runs.Run, config: Any, kinds: Sequence[Kind]) -> None:
    """Draws figures/escape_OPTIMISER.svg of the kinds of training with one optimiser."""
    rows, columns = len(config.momenta), len(config.starts)
    figure, axes = plotting.new_figure(
        width=1.2 + 3.2 * columns, height=0.4 + 2.6 * rows, rows=rows, columns=columns
    )
    grid = np.array(axes, object).reshape(rows, columns)
    for i, momentum in enumerate(config.momenta):
        for j, start in enumerate(config.starts):
            found = {
                study.ARMS[kind.arm].label: load_escapes(opened, str(kind))
                for kind in kinds
                if (kind.momentum, kind.start) == (momentum, start)
            }
            plotting.trapped(
                found, grid[i, j], title=f"{_starts.STARTS[start]}, momentum {momentum:g}"
            )
    save_figure(opened, f"escape_{kinds[0].optimizer}", figure)


def lines(opened: runs.Run, kinds: Sequence[Kind]) -> Iterator[str]:
    """Says from what point each arm starts, and how its trainings ended."""
    yield (
        '"undecided": no eigenvalue below -1 % of the largest, but the loss falls along flat directions. '
        "Rates with 95 %."
    )
    card = ""
    for kind in kinds:
        if kind.card != card:
            card = kind.card
            yield _start(kind, opened.load(card))
        entry = opened.load(str(kind))
        line = f"  {kind.optimizer}, momentum {kind.momentum:g}: {entry['text']}"
        if "difference" in entry:
            line += (
                f"; less {kinds[0].arm} {entry['difference']:+.2f} [{entry['lower_difference']:+.2f}, "
                f"{entry['upper_difference']:+.2f}], intervals "
                f"{'overlap' if entry['overlap'] else 'apart'}, log-rank p {entry['p_value']:.2g}"
            )
        yield line


def _start(kind, entry):
    return (
        f"{_starts.STARTS[kind.start]}, {study.ARMS[kind.arm].label}: {entry['kind']}, loss "
        f"{entry['loss']:.4g}, gradient {entry['gradient_norm']:.2g}, lowest eigenvalue "
        f"{entry['lambda_min']:.3g} (at least {entry['lambda_min_bound']:.3g}), learning rate x "
        f"largest / 2: {entry['stability']:.2g}"
    )

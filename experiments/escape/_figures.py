"""What `experiments.escape` makes of its files: figures and lines of text."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from experiments.common.figures import save_figure
from experiments.escape._runs import Kind, load_escapes
from experiments.escape._starts import STARTS
from lsgeo import plotting, runs, study


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
            plotting.trapped(found, grid[i, j], title=f"{STARTS[start]}, momentum {momentum:g}")
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
        f"{STARTS[kind.start]}, {study.ARMS[kind.arm].label}: {entry['kind']}, loss {entry['loss']:.4g}, "
        f"gradient {entry['gradient_norm']:.2g}, lowest eigenvalue {entry['lambda_min']:.3g} (at least "
        f"{entry['lambda_min_bound']:.3g}), learning rate x largest / 2: {entry['stability']:.2g}"
    )

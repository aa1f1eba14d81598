"""The figure of `experiments.critical_points`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.common.network import training_config
from experiments.critical_points import _table
from lsgeo import plotting


@dataclasses.dataclass(frozen=True)
class Point:
    """A point as the figure draws it; index, lower and upper are shares of the eigenvalues."""

    arm: str
    kind: str
    loss: float
    index: float
    lower: float
    upper: float


def draw(config: Any, entries: Sequence[dict[str, Any]], found: dict[str, Any]) -> Figure:
    """Draws the index of each critical point against its loss, and the kinds of points by method."""
    methods = [str(name) for name in found["methods"]]
    figure, (left, *others) = plotting.new_figure(
        width=4.8 + 2.9 * len(methods), height=3.8, columns=1 + len(methods)
    )
    laws = _table.laws_of(config, found)
    positive = np.array([entry["loss"] for entry in entries if entry["loss"] > 0])
    grid = np.geomspace(positive.min() / 2, positive.max() * 1.2, 200) if positive.size else []
    plotting.index_against_loss(
        [_point(entry) for entry in entries],
        left,
        curves={arm: (grid, law(grid)) for arm, law in laws.items()},
        unit="nats per example" if _is_cross_entropy(config) else "½ squared error per example",
    )
    for j, (ax, method) in enumerate(zip(others, methods, strict=True)):
        counts = {
            str(arm): dict(zip(map(str, found["kinds"]), row.tolist(), strict=True))
            for arm, row in zip(found["arms"], found["counts"][:, j], strict=True)
        }
        plotting.kinds_of_points(counts, ax, title=method.replace("_", " "))
    return figure


def _is_cross_entropy(config):
    trained = training_config(config.run) if config.run else config.network
    return trained.loss == "cross_entropy"


def _point(entry):
    shares = (entry[name] / entry["size"] for name in ("index", "index_lower", "index_upper"))
    return Point(entry["arm"], entry["kind"], entry["loss"], *shares)

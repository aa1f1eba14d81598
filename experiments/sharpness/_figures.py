"""What `experiments.sharpness` makes of its files: rows, a figure and lines of text."""

from collections.abc import Iterable, Iterator

import numpy as np

from experiments.common.figures import save_figure
from experiments.sharpness import _measures
from lsgeo import plotting, runs

COLUMNS = ("measures", "values", "lowers", "uppers", "invariances")


def load_rows(sharpness_run: runs.Run, checkpoint: str, prefix: str = "") -> list[_measures.Row]:
    """Reads all figures of a checkpoint, in the order of the stages; prefix "twin_" for the twin's."""
    rows = []
    for entry in _load(sharpness_run, checkpoint, prefix):
        columns = (np.atleast_1d(entry[name]).tolist() for name in COLUMNS)
        for *row, under in zip(*columns, strict=True):
            rows.append(_measures.Row(*row, tuple(filter(None, under.split(", ")))))
    return rows


def draw(opened: runs.Run, checkpoint: str, prefixes: Iterable[str]) -> None:
    """Draws figures/sharpness_CHECKPOINT.svg, if there is something to draw."""
    arms = {}
    for prefix in prefixes:
        if rows := load_rows(opened, checkpoint, prefix):
            arms[_load(opened, checkpoint, prefix)[0]["arm"]] = rows
    if arms:
        figure, ax = plotting.new_figure(height=1.2 + 0.28 * max(map(len, arms.values())))
        plotting.sharpness_battery(arms, ax)
        save_figure(opened, f"sharpness_{checkpoint}", figure)


def lines(opened: runs.Run, checkpoint: str, prefix: str) -> Iterator[str]:
    """Says what was measured of a checkpoint."""
    for entry in _load(opened, checkpoint, prefix):
        yield f"{checkpoint}, {entry['arm']}, loss {entry['loss']:.4g}: {entry['text']}"


def _load(opened, checkpoint, prefix):
    names = [f"{prefix}{checkpoint}_{stage}" for stage in _measures.STAGES]
    return [opened.load(name) for name in names if opened.has(name)]

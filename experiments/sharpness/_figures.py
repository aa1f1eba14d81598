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
    arms, lost = {}, {}
    for prefix in prefixes:
        for stage, entry in _entries(opened, checkpoint, prefix):
            if not entry.get("applies", True):
                lost.setdefault(entry["arm"], []).append(stage)
        if rows := load_rows(opened, checkpoint, prefix):
            arms[_load(opened, checkpoint, prefix)[0]["arm"]] = rows
    if arms:
        figure, ax = plotting.new_figure(height=1.2 + 0.28 * max(map(len, arms.values())))
        plotting.sharpness_battery(arms, ax)
        texts = [f"{arm}: {', '.join(stages)} not defined" for arm, stages in lost.items()]
        ax.set_title("\n".join(texts), loc="left", fontsize="small")
        save_figure(opened, f"sharpness_{checkpoint}", figure)


def lines(opened: runs.Run, checkpoint: str, prefix: str) -> Iterator[str]:
    """Says what was measured of a checkpoint."""
    for entry in _load(opened, checkpoint, prefix):
        yield f"{checkpoint}, {entry['arm']}, loss {entry['loss']:.4g}: {entry['text']}"


def _load(opened, checkpoint, prefix):
    return [entry for _, entry in _entries(opened, checkpoint, prefix)]


def _entries(opened, checkpoint, prefix):
    for stage in _measures.STAGES:
        name = f"{prefix}{checkpoint}_{stage}"
        if opened.has(name):
            yield stage, opened.load(name)

"""Fills the run directories that a study lacks, and makes those anew that turn out to be damaged."""

import math
import re
import sys
from collections.abc import Sequence

import tqdm

from experiments import _grid, _pool, _state
from lsgeo import runs


def shard(cells: Sequence[_grid.Cell], text: str) -> list[_grid.Cell]:
    """The networks of the k-th of n parts, "k/n"; all for "".

    Raises:
      ValueError: for another text.
    """
    if not text:
        return list(cells)
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, total = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= total:
        raise ValueError(f"`shard` must be k/n with 1 <= k <= n, such as 1/8; got {text!r}.")
    groups = list(dict.fromkeys(cell.kind for cell in cells))
    mine = set(groups[number - 1 :: total])
    return [cell for cell in cells if cell.kind in mine]


def fill(jobs: Sequence[_grid.Job], workers: int, *, shown: bool) -> list[str]:
    """Runs what is not done.

    Args:
      jobs: runs.
      workers: processes.
      shown: whether there is a progress bar.

    Returns:
      A sentence for each run that could not be made, or was damaged.
    """
    waiting = {job.workdir: job for job in jobs if not _state.state(job).is_settled}
    if not waiting:
        return []
    # Whole groups: a run that finds a damaged checkpoint needs the training that it comes from.
    groups: dict[tuple, list[_grid.Job]] = {job.cell.kind: [] for job in waiting.values()}
    for job in jobs:
        groups.get(job.cell.kind, []).append(job)
    problems: dict[str, list[_grid.Job]] = {}
    with tqdm.tqdm(
        total=math.ceil(sum(job.cost for job in waiting.values())),
        desc=f"{len(waiting)} runs of {len(jobs)}",
        bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}, {remaining} left {postfix}",
        disable=not shown,
        file=sys.stderr,
        mininterval=0.5,
    ) as bar:

        def on_event(event, job, text):
            if event == "start":
                bar.set_postfix_str(str(job))
            elif job.workdir in waiting:
                bar.update(job.cost)
            if text:
                problems.setdefault(text, []).append(job)

        _pool.run_all(list(groups.values()), workers, on_event)
    return [_named(text, ended) for text, ended in problems.items()]


def repair(
    damaged: Sequence[runs.DamagedFileError],
    jobs: Sequence[_grid.Job],
    workers: int,
    *,
    shown: bool,
) -> list[str]:
    """Sets the runs of damaged files aside and makes them anew; returns a sentence for each file."""
    places = {job.workdir for job in jobs}
    asides, problems = {}, []
    for error in damaged:
        place = next((parent for parent in error.path.parents if parent in places), None)
        if place is not None and place.exists() and place not in asides:
            asides[place] = _state.set_aside(place)
        aside = f" {_pool.aside_text(asides[place])}" if place in asides else ""
        problems.append(f"{error}{aside}")
    return problems + fill(jobs, workers, shown=shown)


def _named(text, jobs):
    # A text that is many runs', such as that of data that is not there, comes once.
    if str(jobs[0].cell.path) in text:
        return text
    others = f" and {len(jobs) - 1} other runs" if len(jobs) > 1 else ""
    return f"{jobs[0]}{others}: {text}"

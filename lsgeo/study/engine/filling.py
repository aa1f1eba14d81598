"""Fills the run directories that a study lacks, and makes those anew that turn out to be damaged."""

import dataclasses
import math
import re
import sys
from collections.abc import Sequence

import tqdm

from lsgeo import runs
from lsgeo.study.engine import pool
from lsgeo.study.engine.jobs import States, aside_text, set_aside
from lsgeo.study.plan import Cell, Job


def shard(cells: Sequence[Cell], text: str) -> list[Cell]:
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


@dataclasses.dataclass
class Filler:
    """What fills the run directories of a study.

    Attributes:
      states: of its runs.
      workers: processes.
      shown: whether there is a progress bar.
      problems: a sentence for each run that could not be made, or was damaged.
    """

    states: States
    workers: int
    shown: bool
    problems: list[str] = dataclasses.field(default_factory=list)

    def fill(self, jobs: Sequence[Job]) -> None:
        """Runs what is not done."""
        waiting = {job.workdir: job for job in jobs if not self.states(job).is_settled}
        if not waiting:
            return
        # Whole groups: a run that finds a damaged checkpoint needs the training that it comes from.
        groups: dict[tuple, list[Job]] = {job.cell.kind: [] for job in waiting.values()}
        for job in jobs:
            groups.get(job.cell.kind, []).append(job)
        problems: dict[str, list[Job]] = {}
        with tqdm.tqdm(
            total=math.ceil(sum(job.cost for job in waiting.values())),
            desc=f"{len(waiting)} runs of {len(jobs)}",
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {elapsed}, {remaining} left {postfix}",
            disable=not self.shown,
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

            pool.run_all(list(groups.values()), self.workers, on_event)
        self.states.forget()
        self.problems += [_named(text, ended) for text, ended in problems.items()]

    def repair(self, damaged: Sequence[runs.DamagedFileError], jobs: Sequence[Job]) -> None:
        """Sets the runs of damaged files aside and makes them anew."""
        places = {job.workdir for job in jobs}
        asides = {}
        for error in damaged:
            place = next((parent for parent in error.path.parents if parent in places), None)
            if place is not None and place.exists() and place not in asides:
                asides[place] = set_aside(place)
            aside = f" {aside_text(asides[place])}" if place in asides else ""
            self.problems.append(f"{error}{aside}")
        self.states.forget()
        self.fill(jobs)


def _named(text, jobs):
    # A text that is many runs', such as that of data that is not there, comes once.
    if str(jobs[0].cell.path) in text:
        return text
    others = f" and {len(jobs) - 1} other runs" if len(jobs) > 1 else ""
    return f"{jobs[0]}{others}: {text}"

"""What a study would still run: time, memory and disk, before anything is started."""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax

from lsgeo import data, models
from lsgeo.study.engine.jobs import States
from lsgeo.study.plan import Job

PROCESS_BYTES = 0.7e9  # A Python process with JAX and its compiled programs.
RUN_BYTES = 4e4  # Configuration, provenance and arrays of one run.
CHECKPOINTS = 6  # Of one training: initialisation, levels, end.


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is left to do in a study.

    Attributes:
      networks: all of them.
      runs: all of them.
      done: runs that are there, or of which there is nothing to measure.
      left: runs to be made.
      damaged: runs that are damaged and would be made anew.
      other: sentences about directories of another configuration or version.
      seconds: of one core for the rest.
      process_bytes: memory of one process.
      disk_bytes: of the whole study.
      by_family: networks, runs and runs that are left, by family.
    """

    networks: int
    runs: int
    done: int
    left: int
    damaged: int
    other: tuple[str, ...]
    seconds: float
    process_bytes: float
    disk_bytes: float
    by_family: dict[str, tuple[int, int, int]]

    def lines(self, workers: int) -> list[str]:
        """What `--dry-run` prints."""
        found = [
            f"{self.networks} networks, {self.runs} runs: {self.done} done, {self.left} to run"
            + (f", {self.damaged} of them damaged" if self.damaged else "")
        ]
        for family, (networks, total, left) in self.by_family.items():
            found.append(f"  {family}: {networks} networks, {total} runs, {left} to run")
        found += [
            f"time: about {_time(self.seconds / workers)} in {workers} processes, "
            f"{_time(self.seconds)} in one",
            f"memory: about {self.process_bytes / 1e9:.1f} GB for each process, "
            f"{workers * self.process_bytes / 1e9:.1f} GB in all",
            f"disk: about {self.disk_bytes / 1e6:.0f} MB in all",
        ]
        return found + [f"not usable: {text}" for text in self.other]


def estimate(
    jobs: Sequence[Job], states: States, load_data: Callable[[Any], data.Dataset]
) -> Estimate:
    """Looks at the directories of a study's runs and adds up what is left.

    The seconds are those of the configuration, corrected by what the runs that are there have taken.
    """
    pairs = [(job, states(job)) for job in jobs]
    left = [job for job, found in pairs if found.kind in ("missing", "damaged")]
    taken = sum(found.seconds for _, found in pairs if found.kind == "done")
    expected = sum(job.cost for job, found in pairs if found.kind == "done")
    factor = taken / expected if expected > 60 else 1.0
    sizes = _parameters(jobs, load_data)
    largest = max(sizes.values(), default=0)
    steps = max((job.cell.settings.num_steps for job in jobs), default=0)
    trained = [job for job in jobs if job.name == "train"]
    families = collections.Counter(job.cell.family for job in trained)
    return Estimate(
        len(trained),
        len(jobs),
        sum(found.is_settled for _, found in pairs),
        len(left),
        sum(found.kind == "damaged" for _, found in pairs),
        tuple(found.text for _, found in pairs if found.kind == "other"),
        factor * sum(job.cost for job in left),
        PROCESS_BYTES + 4.0 * largest * (steps + 20),
        RUN_BYTES * len(jobs) + sum(4.0 * CHECKPOINTS * sizes[job.cell.kind] for job in trained),
        {
            family: (
                count,
                sum(job.cell.family == family for job in jobs),
                sum(job.cell.family == family for job in left),
            )
            for family, count in families.items()
        },
    )


def _parameters(jobs, load_data):
    # By family, norm, depth and arm, without initialising anything.
    sizes = {}
    for job in jobs:
        if job.name == "train" and job.cell.kind not in sizes:
            shape, outputs = _data(job.config, load_data)
            model = job.cell.twins.create(job.cell.arm.name, outputs)
            found = models.shapes(model, jax.ShapeDtypeStruct((1, *shape), "float32"))
            sizes[job.cell.kind] = models.count_parameters(found["params"])
    return sizes


def _data(config, load_data):
    try:
        dataset = load_data(config)
    except (ValueError, OSError):  # Files that are not there yet do not hinder an estimate.
        return (32, 32, 3), 100 if "100" in config.dataset else 10
    return dataset.train["image"].shape[1:], dataset.num_outputs


def _time(seconds):
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"

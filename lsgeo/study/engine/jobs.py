"""The runs of a study: what is there of one, and how it is made, or made anew."""

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Sequence

import jax

from lsgeo import runs, training
from lsgeo.study.plan import Job

MARKER = "done.json"
REPAIRED = "computed again."
ENDS = (ValueError, jax.errors.JaxRuntimeError)  # What ends one run, such as want of device memory.


@dataclasses.dataclass(frozen=True)
class State:
    """State of one run's directory.

    Attributes:
      kind: "done", "missing" (or unfinished: the run continues there), "damaged", "other" (another
        configuration's, or another version's), or "nothing" (the network never reached the loss at which it
        would be measured; that is a result).
      text: what is wrong, in one sentence.
      seconds: that it took, where it is done.
    """

    kind: str
    text: str = ""
    seconds: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to do."""
        return self.kind in ("done", "nothing")


class States:
    """The states of jobs, each looked up once."""

    def __init__(self):
        """Knows none."""
        self._known: dict[pathlib.Path, State] = {}

    def __call__(self, job: Job) -> State:
        """The state of a job, as it was when it was first asked for."""
        if job.workdir not in self._known:
            self._known[job.workdir] = state(job)
        return self._known[job.workdir]

    def forget(self) -> None:
        """Looks again from now on: runs have been made."""
        self._known.clear()


def state(job: Job) -> State:
    """Looks at a run's directory without reading its arrays."""
    path = job.workdir
    if not (path / runs.CONFIG).exists():
        known = job.reads and (job.training / MARKER).exists()
        return State("nothing" if known and not _is_possible(job) else "missing")
    try:
        theirs = runs.load_config(path)
    except runs.DamagedFileError as error:
        return State("damaged", str(error))
    mine = _plain(job.config)
    if _portable(theirs) != _portable(mine):
        field = next(
            name
            for name in sorted(theirs.keys() | mine.keys())
            if theirs.get(name, "no such field") != mine.get(name, "no such field")
        )
        return State(
            "other",
            f"{path} is another configuration's or another version's: `{field}` is "
            f"{theirs.get(field, '(no such field)')!r} there and {mine.get(field, '(no such field)')!r} here. "
            "Delete it, or use another --workdir.",
        )
    return _finished(path)


def _is_possible(job: Job) -> bool:
    """Whether the network has a checkpoint that a run measures."""
    return not job.reads or bool(set(job.reads) & set(training.checkpoints(job.training)))


def _take_over(job: Job) -> None:
    """Writes the place of the study anew into a run that was moved, or comes from another machine."""
    if (job.workdir / runs.CONFIG).exists():
        runs.write_json(job.workdir / runs.CONFIG, _plain(job.config))


def mark(job: Job, seconds: float) -> None:
    """Notes that a run has finished, in which time, and the sizes of its files."""
    path = job.workdir
    if path.exists():
        sizes = {str(file.relative_to(path)): file.stat().st_size for file in _results(path)}
        runs.write_json(path / MARKER, {"seconds": round(seconds, 3), "sizes": sizes})


def set_aside(path: pathlib.Path) -> pathlib.Path:
    """Renames a damaged directory, so that it can be looked at; earlier ones stay."""
    aside = path.with_name(path.name + ".damaged")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.replace(path, aside)
    return aside


def make(job: Job, group: Sequence[Job]) -> str:
    """Makes a run that is not there, and anew one that is damaged, with the training that it may need.

    Args:
      job: the run.
      group: the runs of the same networks.

    Returns:
      What went wrong, or was repaired, in a sentence; "" where nothing did.
    """
    found = state(job)
    if found.is_settled or found.kind == "other":
        return found.text
    if found.kind == "damaged":
        return _again(job, group, job.workdir, found.text)
    try:
        _measure(job)
    except runs.DamagedFileError as error:
        return _again(job, group, _run_directory(job, error.path), str(error))
    except ENDS as error:
        return str(error)
    return ""


def _again(job, group, place, text):
    broken = [other for other in group if other.workdir == place]
    if not broken:
        return text
    aside = set_aside(place)
    try:
        for one in (*(other for other in broken if other is not job), job):
            _measure(one)
    except ENDS as error:
        return str(error)
    return f"{text} {aside_text(aside)}"


def aside_text(aside: pathlib.Path) -> str:
    """Says that a damaged directory was renamed and its run repeated."""
    return f"Its run was set aside as {aside.name} and {REPAIRED}"


def _run_directory(job, path):
    # The run's directory, one below the cell's, that a damaged file lies in.
    for parent in path.parents:
        if parent.parent == job.cell.path:
            return parent
    return None


def _measure(job):
    started = time.monotonic()
    if _is_possible(job):
        _take_over(job)
        job.run(job.config, job.workdir)
        mark(job, time.monotonic() - started)


def _plain(config):
    return json.loads(json.dumps(dataclasses.asdict(config)))


def _portable(config):
    # Paths of a network's other runs, without the place of the study.
    ends = {
        name: pathlib.PurePath(config[name]).parts[-2:]
        for name in ("run", "reference")
        if name in config
    }
    return config | ends


def _finished(path):
    try:
        marker = json.loads((path / MARKER).read_text())
        sizes, seconds = dict(marker["sizes"]), float(marker["seconds"])
    except FileNotFoundError:
        return State("missing")
    except (ValueError, KeyError, TypeError) as error:
        return State("damaged", f"{path / MARKER} is damaged ({error}).")
    for name, size in sizes.items():
        file = path / name
        if not file.exists():
            return State("missing")
        if file.stat().st_size != size:
            return State(
                "damaged", f"{file} is damaged: it has {file.stat().st_size} bytes, not {size}."
            )
    return State("done", seconds=seconds)


def _results(path):
    return sorted((path / "arrays").glob("*.npz"))

"""What a study measured, as one table: a row for each network and reading, with the measures' columns."""

import csv
import io
import os
import pathlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from lsgeo import runs
from lsgeo.study._origins import commits_of, record_of
from lsgeo.study.measures import MEASURES, READINGS, Measure
from lsgeo.study.plan import Cell, kind_of

Row = dict[str, Any]


def matched_name(loss: float) -> str:
    """Name of the checkpoint at a training loss."""
    return f"loss_{float(loss)}"


def checkpoints(matched_loss: float) -> dict[str, str]:
    """Names of the checkpoints by reading."""
    return dict(zip(READINGS, ("init", matched_name(matched_loss), "end"), strict=True))


class Files:
    """The files of a study's networks; each is read once, and those that are damaged are remembered.

    Attributes:
      damaged: an error for each file that could not be read, or lacks a figure.
    """

    def __init__(
        self, cells: Iterable[Cell], matched_loss: float, leave_out: Collection[pathlib.Path] = ()
    ):
        """Takes the networks, and the directories of runs that are not this study's."""
        self.damaged: list[runs.DamagedFileError] = []
        self._places = checkpoints(matched_loss)
        self._leave_out = set(leave_out)
        self._read: dict[pathlib.Path, dict | None] = {}
        self._last = pathlib.Path()
        self.cells = [cell for cell in cells if self.load(cell, "train", "summary") is not None]

    def load(self, cell: Cell, folder: str, name: str) -> dict[str, Any] | None:
        """What a run has saved under a name; None where there is no such file, or it is damaged."""
        run = runs.Run(cell.path / folder)
        self._last = place = run.path / "arrays" / f"{name}.npz"
        if place not in self._read:
            there = run.path not in self._leave_out and run.has(name)
            self._read[place] = self._whole(lambda: run.load(name), None) if there else None
        return self._read[place]

    def at(self, cell: Cell, folder: str, reading: str) -> dict[str, Any] | None:
        """What a run has saved at a reading."""
        return self.load(cell, folder, self._places[reading])

    def metrics(self, cell: Cell) -> list[dict[str, Any]]:
        """The lines that the training of a network has logged."""
        return self._whole(runs.Run(cell.path / "train").metrics, [])

    def alike(self, cell: Cell) -> list[Cell]:
        """The trained networks that differ from one in the seed alone."""
        return [other for other in self.cells if other.kind == cell.kind]

    def figures(self, measure: Measure, cell: Cell, reading: str) -> Row:
        """The columns that a measure fills at a reading; {} where its files are not there."""
        try:
            found = (measure.figures or _entries(measure))(self, cell, reading)
        except KeyError as error:
            text = f"{self._last} is of an earlier version: it has no {error}."
            self.damaged.append(runs.DamagedFileError(self._last, text))
            return {}
        if found.keys() - set(measure.at(reading)):
            raise RuntimeError(f"{measure.name} gave {sorted(found)}, not {measure.at(reading)}.")
        return found

    def _whole(self, read, otherwise):
        try:
            return read()
        except runs.DamagedFileError as error:
            self.damaged.append(error)
            return otherwise


def _entries(measure):
    def figures(files, cell, reading):
        stored = files.at(cell, measure.folder, reading)
        return {} if stored is None else {name: stored[name] for name in measure.at(reading)}

    return figures


def collect(
    cells: Iterable[Cell], matched_loss: float, leave_out: Collection[pathlib.Path] = ()
) -> tuple[list[Row], list[runs.DamagedFileError]]:
    """Reads the run directories of all cells into rows.

    Readings are "init", "matched" and "end"; the row with reading "" holds the figures of the whole training
    run, the commits that made the network's runs, and the hash of the configuration that it was trained in.
    What is not there is left out.

    Args:
      cells: networks.
      matched_loss: training loss of the reading "matched".
      leave_out: directories of runs that are not this study's.

    Returns:
      The rows, and an error for each file that could not be read, or lacks a figure.
    """
    files, rows = Files(cells, matched_loss, leave_out), []
    for cell in files.cells:
        for reading in ("", *READINGS):
            found: Row = {}
            for measure in MEASURES.values():
                if reading in measure.readings:
                    found |= files.figures(measure, cell, reading)
            if found or not reading:
                made = {} if reading else _made(cell, set(leave_out))
                rows.append(_identity(cell, reading) | made | found)
    return rows, files.damaged


def write_csv(path: str | os.PathLike, rows: Sequence[Row]) -> None:
    """Writes the table with one column per figure; an empty field was not measured."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    runs.write_bytes(path, text.getvalue().encode())


def _made(cell, leave_out):
    # By which code its runs were made, and in which configuration it was trained.
    runs_of = {path.parent for path in cell.path.glob(f"*/{runs.CONFIG}")} - leave_out
    there = [path for path in runs_of if ".damaged" not in path.name]
    return {"commit": " ".join(commits_of(there)), "record": record_of(cell.path / "train")}


def _identity(cell, reading):
    return {
        "family": cell.family,
        "norm": cell.norm,
        "depth": cell.depth,
        "arm": cell.arm.name,
        "skip": cell.arm.folder,
        "seed": cell.seed,
        "split": cell.split,
        "reading": reading,
        "model": kind_of(cell.settings.model),
        "dataset": cell.settings.dataset,
    }

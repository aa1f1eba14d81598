"""What a study measured, as one table: a row for each network and reading."""

import csv
import io
import itertools
import math
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from experiments import _grid, _job_configs, _needs, train
from lsgeo import runs, study
from lsgeo.geometry import stability_limit

Row = dict[str, Any]
_TRAINING = (
    *("status", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
    "num_parameters",
)
_POINT = ("kind", "gradient_norm", "hg_over_g", "index")
PLATEAU = 0.05  # A loss within this share of that of a uniform guess is on the plateau.


def collect(
    cells: Iterable[_grid.Cell], matched_loss: float, leave_out: Iterable[pathlib.Path] = ()
) -> tuple[list[Row], list[runs.DamagedFileError]]:
    """Reads the run directories of all cells into rows.

    Readings are "init", "matched" and "end"; the row with reading "" holds the figures of the whole training
    run, and "steps", to the matched loss at the arm's best learning rate. What is not there is left out.

    Args:
      cells: networks.
      matched_loss: training loss of the reading "matched".
      leave_out: directories of runs that are not this study's.

    Returns:
      The rows, and an error for each file that could not be read, or lacks a figure.
    """
    reader = _Reader(leave_out)
    cells = [cell for cell in cells if reader.load(cell, "train", "summary") is not None]
    best = _best_rates(cells, reader)
    rows = []
    for cell in cells:
        rows.append(_training_row(cell, best[cell.kind], reader))
        places = _job_configs.checkpoints(matched_loss)
        for reading, name in zip(study.READINGS, places, strict=True):
            row = _reading_row(cell, name, reading, reader)
            if len(row) > len(_identity(cell, reading)):
                rows.append(row)
    return rows, reader.damaged


def write_csv(path: str | os.PathLike, rows: Sequence[Row]) -> None:
    """Writes the table with one column per figure; an empty field was not measured."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    runs.write_bytes(path, text.getvalue().encode())


class _Reader:
    # Reads each file once; remembers those that are damaged.

    def __init__(self, leave_out):
        self._leave_out = set(leave_out)
        self.damaged: list[runs.DamagedFileError] = []
        self._read: dict[tuple, dict | None] = {}

    def load(self, cell, run, name):
        place = cell.path / run, name
        if place not in self._read:
            self._read[place] = self._load(*place)
        return self._read[place]

    def _load(self, path, name):
        run = runs.Run(path)
        if path in self._leave_out or not run.has(name):
            return None
        try:
            return run.load(name)
        except runs.DamagedFileError as error:
            self.damaged.append(error)
            return None

    def figures(self, cell, run, name, make):
        """What `make` takes out of a file; nothing, and an error, where an earlier version left it out."""
        stored = self.load(cell, run, name)
        try:
            return {} if stored is None else make(stored)
        except KeyError as error:
            path = cell.path / run / "arrays" / f"{name}.npz"
            self.damaged.append(
                runs.DamagedFileError(path, f"{path} is of an earlier version: it has no {error}.")
            )
            return {}

    def metrics(self, cell):
        try:
            return runs.Run(cell.path / "train").metrics()
        except runs.DamagedFileError as error:
            self.damaged.append(error)
            return []


def _reading_row(cell, name, reading, reader):
    row = _identity(cell, reading)
    limit = _stability_limit(cell.settings)
    row |= reader.figures(cell, "spectrum", name, lambda stored: _spectrum_figures(stored, limit))
    row |= reader.figures(cell, "saddles", name, _taking(_POINT))
    if reading == "matched":
        row |= reader.figures(cell, "surface", "summary", _surface_figures(cell))
    for metric in study.METRICS.values():
        row |= reader.figures(cell, f"metric-{metric.name}", name, _taking(metric.columns))
    return row


def _taking(names):
    return lambda stored: {name: stored[name] for name in names}


def _stability_limit(settings):
    # Near 1 the largest eigenvalue tells the learning rate, not the network.
    if settings.recipe or settings.optimizer not in ("sgd", "momentum", "nesterov"):
        return math.nan
    return stability_limit(settings.optimizer, settings.learning_rate)


def _spectrum_figures(spectrum, limit):
    kept = ("loss", "step", "lambda_min", "lambda_max", "trace", "trace_error", "threshold")
    shares = ("zero_fraction", "negative_fraction", "negative_mass")
    largest = max(abs(spectrum["lambda_min"]), abs(spectrum["lambda_max"]))
    noise = max(spectrum["noise"], spectrum["residuals"][0])
    return {
        **{key: spectrum[key] for key in kept},
        **{key + end: spectrum[key + end] for key in shares for end in ("", "_lower", "_upper")},
        # Half the interval, and no less than one eigenvalue: a rule that met none has not ruled one out.
        **{
            f"{key}_open": max(
                (spectrum[f"{key}_upper"] - spectrum[f"{key}_lower"]) / 2, 1 / spectrum["size"]
            )
            for key in shares
        },
        "negative_ratio": max(-spectrum["lambda_min"], 0.0) / max(spectrum["lambda_max"], 1e-300),
        "noise_ratio": noise / largest if largest else 1.0,
        "converged": bool(np.all(spectrum["converged"])),
        "num_matvecs": spectrum["total_matvecs"],
        "limit_share": spectrum["lambda_max"] / limit,
    }


def _surface_figures(cell):
    points = (cell.settings.resolution - 2) ** 2 * cell.settings.planes
    return lambda summary: {
        "non_convex_fraction": float(np.mean(summary["non_convex_fraction"])),
        "basin_area": float(np.mean(summary["basin_area"])),
        "surface_resolution": 0.5 / points,
    }


def _training_row(cell, best_rate, reader):
    row = _identity(cell, "") | reader.figures(cell, "train", "summary", _training_figures)
    if row.get("status") != "diverged":  # Such a network has left its plateau upwards.
        row |= _plateau(cell, reader.metrics(cell))
    if math.isfinite(best_rate):
        steps = _steps(cell, best_rate, reader)
        row["best_learning_rate"] = best_rate
        row["steps"] = steps if math.isfinite(steps) else cell.settings.speed_steps
        row["steps_bound"] = not math.isfinite(steps)
    return row


def _training_figures(summary):
    levels = zip(summary["levels"], summary["reached"], strict=True)
    return {
        **_taking(_TRAINING)(summary),
        **{f"step_at_{level:g}": int(step) if step >= 0 else "" for level, step in levels},
    }


def _plateau(cell, records):
    # Updates at the common learning rate while the loss is near that of a uniform guess, as finely as it was
    # measured; a bound for a network that is still there at its last step.
    losses = [(record["step"], record["loss"]) for record in records if "loss" in record]
    outputs = train.load_data(train.Config(**runs.load_config(cell.path / "train"))).num_classes
    if len(losses) < 2 or not outputs:
        return {}
    guess = math.log(outputs)
    on = [abs(loss / guess - 1) <= PLATEAU for _, loss in losses]
    steps = [step for step, _ in losses]
    spent = sum(
        after - before for before, after, there in zip(steps, steps[1:], on, strict=False) if there
    )
    return {
        "plateau_steps": spent,
        "plateau_steps_bound": on[-1],
        "plateau_resolution": max(after - before for before, after in itertools.pairwise(steps)),
    }


def _identity(cell, reading):
    return {
        "family": cell.family,
        "norm": cell.norm,
        "depth": cell.depth,
        "arm": cell.arm.name,
        "skip": cell.arm.folder,
        "seed": cell.seed,
        "reading": reading,
        "model": _needs.kind(cell.settings.model),
        "dataset": cell.settings.dataset,
    }


def _steps(cell, rate, reader):
    summary = reader.load(cell, f"speed-lr{rate:g}", "summary")
    if summary is None:
        return math.nan
    reached = summary["reached"]
    # The number of updates, so that a network that starts below the loss still counts one.
    return max(int(reached[0]), 1) if reached[0] >= 0 else math.inf


def _best_rates(cells, reader):
    arms: dict[tuple, list[_grid.Cell]] = {}
    for cell in cells:
        arms.setdefault(cell.kind, []).append(cell)
    best = {}
    for arm, members in arms.items():
        rates = members[0].settings.learning_rates
        steps = {rate: [_steps(cell, rate, reader) for cell in members] for rate in rates}
        medians = {
            rate: np.median(found) for rate, found in steps.items() if not np.isnan(found).any()
        }
        best[arm] = min(medians, key=lambda r, m=medians: (m[r], r), default=math.nan)
    return best

"""What a study measured, as one table: a row for each network and checkpoint."""

import csv
import math
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from experiments import _grid
from lsgeo import runs

Row = dict[str, Any]


def collect(cells: Iterable[_grid.Cell], matched_loss: float) -> list[Row]:
    """Reads the run directories of all cells into rows.

    Checkpoints are called "init", "matched" and "end"; the row with checkpoint "" holds the figures of
    the whole training run, and "steps", to the matched loss at the arm's best learning rate.

    Raises:
      ValueError: if a file is damaged or a run has not finished.
    """
    cells = list(cells)
    best = _best_rates(cells)
    rows = []
    for cell in cells:
        rows.append(_training_row(cell, best[_arm(cell)]))
        names = {"init": "init", _grid.matched_name(matched_loss): "matched", "end": "end"}
        for name, role in names.items():
            if runs.Run(cell.path / "spectrum").has(name):
                rows.append(_checkpoint_row(cell, name, role))
    return rows


def write_csv(path: str | os.PathLike, rows: Sequence[Row]) -> None:
    """Writes the table with one column per figure; an empty field was not measured."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    temporary = pathlib.Path(f"{path}.{os.getpid()}")
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)


def _checkpoint_row(cell, name, role):
    spectrum = runs.Run(cell.path / "spectrum").load(name)
    kept = ("loss", "step", "lambda_min", "lambda_max", "trace", "trace_error", "threshold")
    shares = ("zero_fraction", "negative_fraction", "negative_mass")
    largest = max(abs(spectrum["lambda_min"]), abs(spectrum["lambda_max"]))
    row = {
        **_identity(cell, role),
        **{key: spectrum[key] for key in kept},
        **{key + end: spectrum[key + end] for key in shares for end in ("", "_lower", "_upper")},
        **{
            f"{key}_open": (spectrum[f"{key}_upper"] - spectrum[f"{key}_lower"]) / 2
            for key in shares
        },
        "num_parameters": spectrum["size"],
        "negative_ratio": max(-spectrum["lambda_min"], 0.0) / max(spectrum["lambda_max"], 1e-300),
        "noise_ratio": max(spectrum["noise"], spectrum["residuals"][0]) / largest
        if largest
        else 1.0,
        "converged": bool(np.all(spectrum["converged"])),
        "num_matvecs": spectrum["total_matvecs"],
    }
    saddles = runs.Run(cell.path / "saddles")
    if saddles.has(name):
        point = saddles.load(name)
        for key in ("kind", "gradient_norm", "hg_over_g", "lower_bound", "index"):
            row[key] = point[key]
    surface = runs.Run(cell.path / "surface")
    if role == "matched" and surface.has("summary"):
        row |= _surface_figures(cell, surface.load("summary"))
    return row


def _surface_figures(cell, summary):
    points = (cell.settings.resolution - 2) ** 2 * cell.settings.planes
    return {
        "non_convex_fraction": float(np.mean(summary["non_convex_fraction"])),
        "basin_area": float(np.mean(summary["basin_area"])),
        "surface_resolution": 0.5 / points,
    }


def _training_row(cell, best_rate):
    summary = runs.Run(cell.path / "train").load("summary")
    kept = ("status", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
    row = {**_identity(cell, ""), **{key: summary[key] for key in kept}}
    for level, step in zip(summary["levels"], summary["reached"], strict=True):
        row[f"step_at_{level:g}"] = int(step) if step >= 0 else ""
    if math.isfinite(best_rate):
        steps = _steps(cell, best_rate)
        row["best_learning_rate"] = best_rate
        row["steps"] = steps if math.isfinite(steps) else cell.settings.speed_steps
        row["censored"] = not math.isfinite(steps)
    return row


def _identity(cell, role):
    names = {"family": cell.family, "depth": cell.depth, "skip": cell.arm.folder}
    return {**names, "arm": cell.arm.name, "seed": cell.seed, "checkpoint": role}


def _arm(cell):
    return cell.family, cell.depth, cell.arm.name


def _steps(cell, rate):
    reached = runs.Run(cell.path / f"speed-lr{rate:g}").load("summary")["reached"]
    # The number of updates, so that a network that starts below the loss still counts one.
    return max(int(reached[0]), 1) if reached[0] >= 0 else math.inf


def _best_rates(cells):
    arms: dict[tuple, list[_grid.Cell]] = {}
    for cell in cells:
        arms.setdefault(_arm(cell), []).append(cell)
    best = {}
    for arm, members in arms.items():
        rates = members[0].settings.learning_rates
        medians = {r: np.median([_steps(cell, r) for cell in members]) for r in rates}
        best[arm] = min(rates, key=lambda r, m=medians: (m[r], r), default=math.nan)
    return best

"""The table of a study, from runs whose figures are written by hand."""

import dataclasses
import math

import numpy as np
import pytest

from configs import study_tiny
from experiments import study
from experiments.common.data import load_data
from lsgeo import runs
from lsgeo.study import MEASURES, table
from lsgeo.study.engine.estimate import estimate
from lsgeo.study.engine.jobs import MARKER, States
from lsgeo.study.plan import make_plan, networks

CONFIG = study_tiny.get_config()
CONFIG = dataclasses.replace(
    CONFIG,
    num_seeds=3,
    mlp=dataclasses.replace(CONFIG.mlp, learning_rates=(0.01, 0.1, 1.0)),
)
GUESS = math.log(10)  # the loss of a uniform guess among the digits


def summary(reached):
    figures = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    numbers = {name: 0.5 for name in figures}
    levels = {"levels": np.array([1.0]), "reached": np.array([reached])}
    return {
        "status": "trained",
        "step": 60,
        "num_parameters": 7,
        "num_classes": 10,
        **numbers,
        **levels,
    }


def training(cell, losses=(), speeds=None):
    """Writes a training and its races: losses every 10 steps, steps to the loss by rate."""
    opened = runs.open_run(cell.path / "train", CONFIG)
    opened.save("summary", summary(40))
    for place, loss in enumerate(losses):
        opened.log({"step": 10 * place, "loss": loss})
    for rate, steps in (speeds or {}).items():
        runs.open_run(cell.path / f"speed-lr{rate:g}", CONFIG).save("summary", summary(steps))


def whole_runs(cells, losses=(), speeds=None):
    for cell in cells:
        training(cell, losses, (speeds or {}).get(cell.seed))
    rows, damaged = table.collect(cells, CONFIG.matched_loss)
    assert damaged == []
    return [row for row in rows if row["reading"] == ""]


def plain(root):
    return [
        cell for cell in networks(CONFIG.blocks(), CONFIG.pairs(), root) if cell.arm.name == "plain"
    ]


def test_steps_are_those_at_the_rate_of_the_lowest_median_and_bounds_where_the_loss_was_not_reached(
    tmp_path,
):
    # Medians over seeds: 20, 9 and not reached; at the best rate one seed never got there.
    speeds = {
        0: {0.01: 20, 0.1: 8, 1.0: 1},
        1: {0.01: 20, 0.1: 9, 1.0: -1},
        2: {0.01: 20, 0.1: -1, 1.0: -1},
    }
    rows = whole_runs(plain(tmp_path), speeds=speeds)
    assert [row["best_learning_rate"] for row in rows] == [0.1] * 3
    assert [row["steps"] for row in rows] == [8, 9, CONFIG.mlp.speed_steps]
    assert [row["steps_bound"] for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("shares", "steps", "bound"),
    [
        ([1.5, 1.04, 0.96, 0.9, 0.5], 20, False),  # from step 10 to 30
        ([1.2, 0.9, 0.5], 0, False),
        ([1.2, 1.0, 1.0], 10, True),  # still there at the end
    ],
)
def test_a_plateau_is_the_steps_within_five_percent_of_a_uniform_guess(
    tmp_path, shares, steps, bound
):
    (row, *_) = whole_runs(plain(tmp_path), losses=[share * GUESS for share in shares])
    assert (row["plateau_steps"], row["plateau_steps_bound"]) == (steps, bound)
    assert row["plateau_resolution"] == 10


def test_a_spectrum_s_negative_curvature_and_noise_are_laid_beside_its_largest_eigenvalue(tmp_path):
    (cell, *_) = plain(tmp_path)
    training(cell)
    shares = ("zero_fraction", "negative_fraction", "negative_mass")
    runs.open_run(cell.path / "spectrum", CONFIG).save(
        "end",
        {
            **dict.fromkeys(("loss", "step", "trace", "trace_error", "threshold"), 1.0),
            **{share + end: 0.0 for share in shares for end in ("", "_lower", "_upper")},
            **{"lambda_min": -2.0, "lambda_max": 19.0, "noise": 0.0, "size": 50},
            **{"residuals": np.array([0.19, 0.0]), "converged": np.array([True, True])},
            "total_matvecs": 3,
        },
    )
    rows, _ = table.collect([cell], CONFIG.matched_loss)
    (row,) = (row for row in rows if row["reading"] == "end")
    np.testing.assert_allclose(row["negative_ratio"], 2 / 19)
    np.testing.assert_allclose(row["noise_ratio"], 0.19 / 19)
    assert row["zero_fraction_open"] == 1 / 50


def test_what_is_left_is_estimated_by_what_the_finished_runs_have_taken(tmp_path):
    settings = dataclasses.replace(CONFIG.mlp, cost=50.0)
    config = dataclasses.replace(CONFIG, mlp=settings)
    jobs = make_plan(config, tmp_path, study.INSTRUMENTS).asked
    done = [job for job in jobs if job.name == "train"][:2]  # expected to take 100 s
    for job in done:
        runs.open_run(job.workdir, job.config)
        runs.write_json(job.workdir / MARKER, {"seconds": 10.0, "sizes": {}})
    found = estimate(
        [job for job in jobs if job in done or job.name == "train"], States(), load_data
    )
    others = [job for job in jobs if job.name == "train" and job not in done]
    np.testing.assert_allclose(found.seconds, 0.2 * sum(job.cost for job in others))
    assert (found.done, found.left) == (2, len(others))


def test_figures_that_a_measure_has_not_named_are_an_error_of_the_measure(tmp_path, monkeypatch):
    (cell, *_) = plain(tmp_path)
    training(cell)
    odd = dataclasses.replace(MEASURES["speed"], figures=lambda files, cell, reading: {"stepps": 1})
    monkeypatch.setitem(MEASURES, "speed", odd)
    with pytest.raises(RuntimeError, match=r"speed gave \['stepps'\], not \('best_learning_rate'"):
        table.collect([cell], CONFIG.matched_loss)

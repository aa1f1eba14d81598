"""Exports of a run of surfaces: what the files hold is what the run holds."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from experiments import export, surface
from lsgeo import exports, runs

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    for name, scale in (("skip", 1.0), ("plain", 100.0)):
        opened = runs.open_run(tmp_path / name, export.Config(run=name))
        for plane in range(2):
            values = scale * (1.0 + plane + np.arange(12.0).reshape(3, 4) / 3)
            opened.save(
                f"plane_{plane}", {"xs": np.arange(4.0), "ys": np.arange(3.0), "values": values}
            )
        # A plane that is not finished.
        opened.save("plane_2", {"xs": np.arange(4.0), "ys": np.arange(3.0), "values": values[:1]})
    opened = runs.Run(tmp_path / "skip")
    opened.save("summary", {"chance_loss": 2.5})
    return export.Config(run=str(tmp_path / "skip"), twin=str(tmp_path / "plain"))


def test_each_finished_plane_of_both_runs_is_in_every_file(config, tmp_path):
    steps = []
    paths = export.run(config, tmp_path / "here", progress=lambda *step: steps.append(step[:2]))
    folder = tmp_path / "here" / "exports"
    planes = [f"{side}plane_{number}" for side in ("", "twin_") for number in (0, 1)]
    expected = {f"{name}{end}" for name in planes for end in (".csv", ".h5", ".vtp")}
    assert {path.name for path in paths} == {path.name for path in folder.iterdir()}
    assert {path.name for path in paths} == expected | {"surfaces.html"}
    assert steps[-1] == (13, 13)
    read = exports.read_li(folder / "twin_plane_1.h5")["train_loss"]
    assert read.values.tolist() == runs.Run(tmp_path / "plain").load("plane_1")["values"].tolist()
    page = (folder / "surfaces.html").read_text()
    assert "skip, plane 0" in page and "plain, plane 1" in page and "white line: loss 2.5;" in page


def test_command_writes_chosen_formats_into_the_run_itself(config, tmp_path):
    command = [sys.executable, "-m", "experiments.export", f"--run={config.run}"]
    command += ["--config.formats=csv,hdf5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "4/4" in done.stderr
    names = {path.name for path in (tmp_path / "skip" / "exports").iterdir()}
    assert names == {"plane_0.csv", "plane_1.csv", "plane_0.h5", "plane_1.h5"}


def test_a_run_with_its_own_twin_without_chance_in_other_units_says_so(tmp_path):
    opened = runs.open_run(tmp_path / "pair", surface.Config(run="pair", directions="gradient"))
    grid = {"xs": np.arange(2.0), "ys": np.arange(2.0)}
    for prefix, loss in (("", 1.0), ("twin_", 7.0)):
        opened.save(f"{prefix}plane_0", {**grid, "values": np.full((2, 2), loss)})
    opened.save("summary", {"chance_loss": np.nan})
    export.run(export.Config(run=str(opened.path), formats="csv,html"))
    folder = opened.path / "exports"
    assert folder.joinpath("twin_plane_0.csv").read_text().splitlines()[1] == "0.0,0.0,7.0"
    page = (folder / "surfaces.html").read_text()
    assert "pair, twin, plane 0" in page and "white line" not in page.split("</script>")[-2]
    assert "first direction (distance in the parameters)" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run": ""}, "`run` must be the directory of a run of experiments.surface; got nothing"),
        ({"run": "nowhere"}, "nowhere is no run's directory"),
        (
            {"formats": "csv,xls"},
            "Unknown name in `formats`: 'xls'. Choose from: csv, hdf5, vtp, html",
        ),
        ({"formats": ""}, "Unknown name in `formats`: ''"),
        ({"height": "depth"}, "`height` must be one of loss, log10_loss; got 'depth'"),
    ],
)
def test_bad_fields_are_refused_by_name(config, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        export.run(dataclasses.replace(config, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_run_without_a_finished_plane_is_refused(config, tmp_path):
    opened = runs.open_run(tmp_path / "started", config)
    with pytest.raises(ValueError, match=r"started has no finished plane: run experiments.surface"):
        export.run(export.Config(run=str(opened.path)))
    assert not (opened.path / "exports").exists()

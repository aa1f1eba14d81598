"""The runner of a study: what is lost, damaged, moved, split or reordered ends in the same verdicts."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from experiments import study
from lsgeo import runs
from lsgeo.study.engine import jobs, pool
from lsgeo.study.plan import make_plan

FILES = ("verdicts.json", "laws.json", "results.csv", "twins.json")


@pytest.fixture
def copy(finished_study, tmp_path):
    """A moved copy of the finished study."""
    config, workdir = finished_study
    shutil.copytree(workdir, tmp_path / workdir.name)
    return config, tmp_path / workdir.name


def _written(workdir):
    return [(workdir / name).read_bytes() for name in FILES]


def _jobs(config, workdir):
    return make_plan(config, workdir, study.INSTRUMENTS).asked


def test_a_second_run_starts_nothing_and_leaves_the_page_alone(finished_study, monkeypatch, capsys):
    config, workdir = finished_study
    before = (workdir / "report.html").stat().st_mtime_ns
    monkeypatch.setattr(pool, "run_all", lambda *_: pytest.fail("something was started"))
    study.run(config, workdir, progress=lambda *_: None)
    assert "nothing to do" in capsys.readouterr().out
    assert (workdir / "report.html").stat().st_mtime_ns == before


def test_a_study_that_was_moved_is_complete_where_it_is_now(copy, finished_study, monkeypatch):
    config, workdir = copy
    before = _written(finished_study[1])
    (workdir / "verdicts.json").unlink()
    monkeypatch.setattr(pool, "run_all", lambda *_: pytest.fail("something was started"))
    study.run(config, workdir)
    assert _written(workdir) == before


def test_a_look_at_a_study_that_was_moved_changes_no_file(copy):
    config, workdir = copy
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    study.run(dataclasses.replace(config, dry_run=True), workdir)
    assert {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()} == before


def test_a_result_that_was_lost_is_measured_again_to_the_same_verdicts(copy):
    config, workdir = copy
    before = _written(workdir)
    lost = workdir / "runs" / "MLP-layer-depth2-none-seed1" / "spectrum" / "arrays" / "loss_1.0.npz"
    lost.unlink()
    study.run(config, workdir)
    assert _written(workdir) == before and lost.exists()


@pytest.mark.parametrize("same_size", [False, True])
def test_a_damaged_result_is_set_aside_and_measured_again_and_the_page_says_so(copy, same_size):
    config, workdir = copy
    before = _written(workdir)
    folder = workdir / "runs" / "MLP-layer-depth2-none-seed0" / "spectrum"
    path = folder / "arrays" / "init.npz"
    whole = path.read_bytes()
    half = whole[: len(whole) // 2]
    path.write_bytes(half + b"\0" * (len(whole) - len(half)) if same_size else half)
    (workdir / "current.json").unlink()
    study.run(config, workdir)
    assert _written(workdir) == before
    aside = folder.with_name("spectrum.damaged") / "arrays" / "init.npz"
    assert aside.read_bytes().startswith(half) and aside.read_bytes() != whole
    assert "init.npz is damaged" in (workdir / "report.html").read_text()


def test_a_damaged_checkpoint_is_trained_again_and_what_needs_it_is_measured(copy):
    config, workdir = copy
    before = _written(workdir)
    cell = workdir / "runs" / "MLP-layer-depth2-identity-seed0"
    for path in (cell / "train" / "checkpoints").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    shutil.rmtree(cell / "spectrum")
    study.run(config, workdir)
    assert _written(workdir) == before
    assert (cell / "train.damaged").exists()


def test_a_run_of_another_version_is_named_and_left_alone_and_the_rest_is_answered(copy):
    config, workdir = copy
    path = workdir / "runs" / "MLP-layer-depth2-none-seed0" / "spectrum" / "config.json"
    theirs = json.loads(path.read_text())
    path.write_text(json.dumps(theirs | {"num_probes": 3, "smoothing": 0.1}))
    with pytest.raises(ValueError, match=r"another version's: `num_probes` is 3 there and 2 here"):
        study.run(config, workdir)
    assert json.loads(path.read_text())["smoothing"] == 0.1
    page = (workdir / "report.html").read_text()
    assert "another version" in page
    assert len(json.loads((workdir / "verdicts.json").read_text())) == len(
        json.loads(_written(workdir)[0])
    )


def test_one_claim_alone_runs_what_it_needs_and_the_rest_can_follow(finished_study, tmp_path):
    config, workdir = finished_study
    place = tmp_path / workdir.name
    study.run(dataclasses.replace(config, only="C9"), place)
    verdicts = json.loads((place / "verdicts.json").read_text())
    assert {v["claim"] for v in verdicts} == {"C9"}
    (cell, *_) = sorted((place / "runs").iterdir())
    made = {path.name for path in cell.iterdir()}
    assert made == {"train", "metric-point", "metric-generalization", "twins"}
    study.run(config, place)
    assert _written(place) == _written(workdir)


def test_two_machines_and_another_order_give_the_same_verdicts(
    finished_study, tmp_path, monkeypatch
):
    config, workdir = finished_study
    places = [tmp_path / f"machine{k}" / workdir.name for k in (1, 2)]
    for k, place in enumerate(places, 1):
        study.run(dataclasses.replace(config, shard=f"{k}/2"), place)
        assert not (place / "report.html").exists()
    assert all(list((place / "runs").iterdir()) for place in places)
    for folder in (places[1] / "runs").iterdir():
        shutil.copytree(folder, places[0] / "runs" / folder.name, dirs_exist_ok=True)
    # One network is missing, and is made last.
    shutil.rmtree(places[0] / "runs" / "MLP-layer-depth2-none-seed1")
    study.run(config, places[0])
    assert _written(places[0]) == _written(workdir)


def test_a_study_that_is_killed_in_the_middle_ends_in_the_same_verdicts(finished_study, tmp_path):
    config, workdir = finished_study
    command = [sys.executable, "-m", "experiments.study", "--config=configs/study_tiny.py"]
    place = tmp_path / workdir.name
    command += [f"--workdir={place}", "--config.workers=1"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    wanted = place / "runs" / "MLP-layer-depth2-none-seed0" / "spectrum"
    deadline = time.monotonic() + 120
    while not wanted.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert wanted.exists() and not (place / "verdicts.json").exists()
    study.run(config, place)
    assert _written(place) == _written(workdir)


def test_the_state_of_a_run_is_told_from_its_directory(copy):
    config, workdir = copy
    job = next(job for job in _jobs(config, workdir) if job.name == "spectrum")
    assert jobs.state(job).kind == "done" and jobs.state(job).seconds > 0
    other = dataclasses.replace(job, config=dataclasses.replace(job.config, num_steps=9))
    assert jobs.state(other).kind == "other" and "`num_steps` is 8" in jobs.state(other).text
    file = job.workdir / "arrays" / "init.npz"
    file.write_bytes(file.read_bytes() + b"x")
    assert jobs.state(job).kind == "damaged"
    file.unlink()
    assert jobs.state(job).kind == "missing"
    (job.workdir / "config.json").write_text("{")
    assert jobs.state(job).kind == "damaged"
    shutil.rmtree(job.workdir)
    assert jobs.state(job).kind == "missing"


def test_a_result_of_an_earlier_version_that_lacks_a_figure_is_measured_again(copy):
    config, workdir = copy
    before = _written(workdir)
    folder = workdir / "runs" / "MLP-layer-depth2-none-seed0" / "metric-generalization"
    run = runs.Run(folder)
    stored = run.load("end")
    del stored["test_error"]
    run.save("end", stored)
    job = next(job for job in _jobs(config, workdir) if job.workdir == folder)
    jobs.mark(job, 1.0)
    study.run(config, workdir)
    assert _written(workdir) == before
    assert folder.with_name("metric-generalization.damaged").exists()


def test_a_study_whose_runs_come_from_two_commits_says_so(copy):
    config, workdir = copy
    path = workdir / "runs" / "MLP-layer-depth2-none-seed0" / "spectrum" / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"git_commit": "f" * 40}))
    (workdir / "current.json").unlink()
    study.run(config, workdir)
    assert "The runs were made by 2 states of the code" in (workdir / "report.html").read_text()
    for verdict in json.loads((workdir / "verdicts.json").read_text()):
        assert len(verdict["commits"]) == 2
    with open(workdir / "results.csv", newline="") as file:
        several = [row["seed"] for row in csv.DictReader(file) if " " in row["commit"]]
    assert several == ["0"]


def test_one_claim_asked_again_leaves_the_others_on_the_page_and_their_level_shared(copy):
    config, workdir = copy
    verdicts = json.loads((workdir / "verdicts.json").read_text())
    study.run(dataclasses.replace(config, only="c4"), workdir)
    assert json.loads((workdir / "verdicts.json").read_text()) == verdicts


def test_what_a_network_without_the_loss_lacks_is_not_waited_for(copy):
    config, workdir = copy
    job = next(job for job in _jobs(config, workdir) if job.name == "spectrum")
    late = dataclasses.replace(job.config, checkpoints=("loss_1.0",))
    late = dataclasses.replace(job, name="late", config=late, reads=late.checkpoints)
    assert jobs.state(late).kind == "missing"
    shutil.rmtree(job.cell.path / "train" / "checkpoints" / "loss_1.0")
    assert jobs.state(late).kind == "nothing"
    (job.cell.path / "train" / "done.json").unlink()
    assert jobs.state(late).kind == "missing"
    assert jobs.state(job).kind == "done"


def test_a_training_of_another_version_is_left_out_of_the_verdicts(copy):
    config, workdir = copy
    path = workdir / "runs" / "MLP-layer-depth2-none-seed0" / "train" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"a_field_of_its_own": 3}))
    with pytest.raises(ValueError, match="another version's: `a_field_of_its_own` is 3 there"):
        study.run(config, workdir)
    with open(workdir / "results.csv", newline="") as file:
        networks = {(row["arm"], row["seed"]) for row in csv.DictReader(file)}
    assert networks == {("plain", "1"), ("residual", "0"), ("residual", "1")}


def test_a_lost_or_damaged_provenance_does_not_hinder_a_page(copy):
    config, workdir = copy
    before = _written(workdir)
    cell = workdir / "runs" / "MLP-layer-depth2-none-seed0"
    (cell / "train" / "provenance.json").write_text("{")
    (cell / "spectrum" / "provenance.json").unlink()
    (workdir / "current.json").unlink()
    study.run(config, workdir)
    assert _written(workdir) == before

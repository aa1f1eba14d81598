"""Parts of the study's runner that need no network: needs, commands, devices, locks."""

import dataclasses
import os
import pathlib
import shlex

import pytest

from configs import study_tiny
from experiments import train
from experiments.study import INSTRUMENTS
from lsgeo.study import plan
from lsgeo.study.config import Config, Family, check
from lsgeo.study.engine import pool, record
from lsgeo.study.engine.jobs import States
from lsgeo.study.plan import Plan, networks


def test_the_command_can_be_pasted_into_a_shell():
    said = [
        *("python", "-m", "experiments.study", "--config=configs/study_full.py"),
        "--config.vit.options=heads=3, patch=4",
    ]
    config = Config(only="C2 C5", mlp=Family(depths=(2,)))
    study = Plan(config, pathlib.Path("/x/full"), (), (), (), (), (), ())
    more = ["--config.workers=3", "--config.only=C2 C5", "--config.dry_run=True"]
    found = shlex.split(record.command(study, shlex.join([*said, *more])))
    assert found == [*said, "--workdir=runs/full", "--only=C2,C5"]


@pytest.mark.parametrize(
    ("chosen", "workers", "devices"),
    [("4,6", 2, ["4", "6"]), ("4,6", 3, ["4", "6", "4"]), ("", 1, ["0"])],
)
def test_workers_take_turns_on_the_devices_that_this_process_may_use(
    monkeypatch, chosen, workers, devices
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert pool._devices(workers) == devices


def test_a_network_is_one_process_s_at_a_time(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    place = os.open(tmp_path, os.O_RDONLY)
    try:
        with pool._alone(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(place)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"end_loss": 1.5}, "`matched_loss` 1.0 lies below the `end_loss` 1.5 of MLP"),
        ({"depths": (2, 2)}, "`depths` of MLP holds a value twice"),
    ],
)
def test_a_family_that_cannot_be_compared_is_refused(changes, text):
    config = study_tiny.get_config()
    config = dataclasses.replace(config, mlp=dataclasses.replace(config.mlp, **changes))
    with pytest.raises(ValueError, match=text):
        check(config)


def test_a_measure_that_does_not_suit_a_network_is_not_planned_for_it():
    config = dataclasses.replace(study_tiny.get_config(), num_seeds=1)
    cell = networks(config.blocks(), [(0, 0)], pathlib.Path("nowhere"))[0]
    columns = {
        ("MLP", "layer", "plain"): {("rank_one_residual", "init"), ("gate_mean", "end")}
    }  # A rank is of a ViT alone.
    model = cell.twins.create("plain", 2)
    found = plan._jobs(cell, model, config, INSTRUMENTS, columns)
    assert [job.name for job in found] == ["train", "metric-point", "metric-gates"]


def test_a_page_is_not_current_once_the_code_has_changed(tmp_path, monkeypatch):
    (tmp_path / "lsgeo").mkdir()
    code = tmp_path / "lsgeo" / "statistics.py"
    monkeypatch.setattr(record.runs, "__file__", str(tmp_path / "lsgeo" / "runs.py"))
    study = Plan(Config(), tmp_path, (), (), (), (), (), ())
    found = []
    for text in ("confidence = 0.95", "confidence = 0.95", "confidence = 0.99"):
        code.write_text(text)
        found.append(record.digest(study, States()))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("splits", "pairs"),
    [(0, [(0, 0), (1, 1), (2, 2), (3, 3)]), (3, [(0, 0), (1, 1), (2, 2), (3, 0)])],
)
def test_pairs_of_twins_have_their_own_split_of_the_data_or_share_so_many(splits, pairs):
    config = dataclasses.replace(study_tiny.get_config(), num_seeds=4, num_splits=splits)
    cells = networks(config.blocks(), config.pairs(), pathlib.Path("nowhere"))
    for arm in {cell.arm for cell in cells}:
        assert [(c.seed, c.split) for c in cells if c.arm is arm and c.depth == 2] == pairs
    shared = train.load_data(train.Config(num_train=60, num_test=30, data_seed=0))
    other = train.load_data(train.Config(num_train=60, num_test=30, data_seed=1))
    assert (shared.train["image"] != other.train["image"]).any()


def test_what_a_law_reads_is_planned_for_its_arms_whatever_the_claims(tmp_path):
    tiny = dataclasses.replace(
        study_tiny.get_config(), claims="C9", num_seeds=1, arms="plain,residual,identity-biased"
    )

    def counted(**fields):
        asked = plan.make_plan(dataclasses.replace(tiny, **fields), tmp_path, INSTRUMENTS).asked
        return {job.cell.arm.name for job in asked if job.name == "metric-degenerate"}

    assert counted() == set()
    assert counted(laws="L4") == {"plain", "residual"}  # Directions are no matter of a start.
    assert counted(laws="L4", only="C9") == set()


def test_a_law_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="`laws` holds 'L9', which is no law of this study"):
        check(dataclasses.replace(study_tiny.get_config(), laws="L9"))

"""Parts of the study's runner that need no network: needs, commands, devices, locks."""

import dataclasses
import os
import pathlib
import shlex

import pytest

from configs import study_tiny
from lsgeo.study.config import Config, Family, check
from lsgeo.study.engine import pool, record
from lsgeo.study.plan import Plan


def test_the_command_can_be_pasted_into_a_shell():
    said = [
        *("python", "-m", "experiments.study", "--config=configs/study_full.py"),
        "--config.vit.options=heads=3, patch=4",
    ]
    config = Config(only="C2 C5", mlp=Family(depths=(2,)))
    plan = Plan(config, pathlib.Path("/x/full"), (), (), (), (), (), ())
    more = ["--config.workers=3", "--config.only=C2 C5", "--config.dry_run=True"]
    found = shlex.split(record.command(plan, shlex.join([*said, *more])))
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

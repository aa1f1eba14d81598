"""Parts of the study's runner that need no network: needs, commands, devices, locks."""

import dataclasses
import os
import shlex
import sys

import pytest

from configs import study_tiny
from experiments import _needs, _records, study
from lsgeo.study import CLAIMS
from lsgeo.study.config import Family
from lsgeo.study.engine import pool

ARMS = ("plain", "residual", "scaled")


@pytest.mark.parametrize(
    ("name", "model", "norm", "needed"),
    [
        ("MLP", "mlp", "none", True),
        ("MLP", "mlp", "layer", True),
        ("ViT", "vit", "none", True),
        ("ViT", "vit", "layer", True),
        ("ResNet", "resnet", "layer", False),
    ],
)
def test_both_sides_of_an_interaction_are_measured_where_it_alone_is_asked(
    name, model, norm, needed
):
    (claim,) = (claim for claim in CLAIMS if claim.name == "C13")
    found = _needs.needed(name, Family(model=model), norm, "plain", ARMS, [claim])
    assert ("spectrum" in found) is needed


@pytest.mark.parametrize("text", ["c2,c5", "C2 C5", " C5 , c2 "])
def test_claims_are_found_in_any_case_with_spaces_or_commas(text):
    assert [claim.name for claim in study._claims("only", text, CLAIMS)] == ["C2", "C5"]


def test_the_command_can_be_pasted_into_a_shell(monkeypatch, tmp_path):
    said = ["--config", "configs/study_full.py", "--config.vit.options=heads=3, patch=4"]
    monkeypatch.setattr(
        sys, "argv", ["/x/study.py", *said, "--config.workers=3", "--only", "C2 C5"]
    )
    found = shlex.split(_records.command(tmp_path / "full", ["C2", "C5"]))
    assert found == [
        *("python", "-m", "experiments.study", "--config=configs/study_full.py"),
        *("--config.vit.options=heads=3, patch=4", "--workdir=runs/full", "--only=C2,C5"),
    ]


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
        study._check(config)

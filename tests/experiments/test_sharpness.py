"""The sharpness experiment on a tiny plain network: what is measured, resumed, drawn and refused."""

import dataclasses

import numpy as np
import pytest

from experiments import sharpness, train
from experiments.common.network import load_network
from experiments.sharpness import _measures
from lsgeo import runs


class Killed(Exception):
    pass


TINY = {
    "num_pairs": 2,
    "num_starts": 1,
    "num_steps": 2,
    "num_directions": 1,
    "num_draws": 4,
    "num_examples": 30,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    tiny = train.Config(
        num_train=40, num_test=10, depth=1, width=4, skip="none", norm="none", max_steps=2
    )
    train.run(tiny, path)
    return str(path)


@pytest.fixture(scope="module")
def config(trained):
    # Its own twin: with the same draws, everything is the same.
    return sharpness.Config(run=trained, twin=trained, checkpoints=("end",), **TINY)


@pytest.fixture(scope="module")
def measured(config, tmp_path_factory):
    return sharpness.run(config, tmp_path_factory.mktemp("sharpness"))


def test_every_stage_gives_rows_within_their_intervals_and_twins_get_the_same_draws(measured):
    rows = sharpness.load_rows(measured, "end")
    names = [row.measure for row in rows]
    assert len(names) == len(set(names)) == 16 and "trace, |w|" in names and "Keskar" in names
    assert all(row.lower <= row.value <= row.upper for row in rows)
    adaptive = [row for row in rows if row.measure.endswith("|w|")]
    assert len(adaptive) == 6 and all("unit rescaling" in row.invariant_under for row in adaptive)
    assert rows == sharpness.load_rows(measured, "end", "twin_")


def test_a_stages_draws_depend_on_its_name_and_not_on_its_place(config, measured, monkeypatch):
    network = load_network(config.run, "end", config.num_examples)
    monkeypatch.setattr(_measures, "STAGES", dict(reversed(_measures.STAGES.items())))
    again = _measures.measure(config, network, "average")
    np.testing.assert_array_equal(again["values"], measured.load("end_average")["values"])


def test_a_plain_relu_network_has_one_zero_mode_for_each_hidden_unit(measured):
    stored = measured.load("end_singularities")
    # The stem and a block of four units; the loss is of float32.
    assert stored["modes"] == stored["modes_tested"] == 8
    assert len(stored["mean_cosine"]) == len(stored["weakest_strength"]) == 2
    assert np.all(stored["effective_rank"] <= 4)
    assert (measured.path / "figures" / "sharpness_end.svg").read_text().count("<svg") == 1


def test_a_killed_run_continues_and_ends_with_the_same_arrays(config, measured, tmp_path):
    short = dataclasses.replace(config, twin="", stages=("sam", "fisher_rao"), figure=False)

    def kill(done, total, text):
        if done == 1:
            raise Killed

    with pytest.raises(Killed):
        sharpness.run(short, tmp_path / "cut", progress=kill)
    assert runs.Run(tmp_path / "cut").has("end_sam")
    before = (tmp_path / "cut" / "arrays" / "end_sam.npz").stat().st_mtime_ns
    done = sharpness.run(short, tmp_path / "cut")
    assert (tmp_path / "cut" / "arrays" / "end_sam.npz").stat().st_mtime_ns == before
    for stage in short.stages:
        one, other = (part.load(f"end_{stage}") for part in (done, measured))
        np.testing.assert_array_equal(one["values"], other["values"])
    done.save("end_sam", {**done.load("end_sam"), "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds end_sam of other weights"):
        sharpness.run(short, tmp_path / "cut")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": ("sma",)}, "Unknown name in `stages`: 'sma'. Choose from: hessian, average"),
        ({"run": ""}, "`run` must be the directory of a training run"),
        ({"checkpoints": ("best",)}, "`checkpoints` holds 'best'"),
        ({"num_examples": 41}, "`num_examples` must be 0 to 40; got 41"),
        ({"radius": 0.0, "stages": ("sam",)}, "`radius` must be positive and finite; got 0.0"),
    ],
)
def test_bad_fields_are_refused_by_name(config, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        sharpness.run(dataclasses.replace(config, **change), tmp_path / "refused")


def test_a_stage_that_does_not_apply_says_so_and_the_others_are_measured(tmp_path):
    smooth = train.Config(
        num_train=40, num_test=10, depth=1, width=4, activation="tanh", max_steps=1
    )
    train.run(smooth, tmp_path / "run")
    asked = {"run": str(tmp_path / "run"), "checkpoints": ("end",)}
    config = sharpness.Config(**asked, stages=("singularities", "sam"), **TINY)
    done = sharpness.run(config, tmp_path / "sharpness")
    told = done.load("end_singularities")
    assert not told["applies"] and "those of MLPs with ReLU" in told["text"]
    assert [row.measure for row in sharpness.load_rows(done, "end")] == ["SAM", "SAM, |w|"]
    assert "singularities not defined" in (done.path / "figures" / "sharpness_end.svg").read_text()
    written = (done.path / "arrays" / "end_singularities.npz").stat().st_mtime_ns
    again = sharpness.run(config, tmp_path / "sharpness")
    assert (again.path / "arrays" / "end_singularities.npz").stat().st_mtime_ns == written

"""A run's directory: what is written comes back, what is damaged or another's is refused."""

import dataclasses
import hashlib
import importlib.machinery
import json
import math
import sys

import numpy as np
import pytest

from lsgeo import provenance
from lsgeo.runs import load_config, open_run


@dataclasses.dataclass
class Config:
    depth: int = 3
    levels: tuple[float, ...] = (1.0, 0.5)
    rate: float = math.nan


@dataclasses.dataclass
class LaterConfig(Config):
    width: int = 8


def test_config_and_provenance_are_written_and_the_same_config_opens_again(tmp_path):
    open_run(tmp_path / "a" / "b", Config(), provenance={"data_sha256": "x"})
    run = open_run(str(tmp_path / "a" / "b"), Config())
    config = load_config(run.path)
    assert (config["depth"], config["levels"]) == (3, [1.0, 0.5])
    provenance = json.loads((run.path / "provenance.json").read_text())
    assert provenance["data_sha256"] == "x"
    assert provenance["versions"]["numpy"] == np.__version__
    assert provenance["device_count"] >= 1 and provenance["device_kind"]
    assert {"created", "argv", "git_commit"} <= provenance.keys()
    written = {"depth": 3, "levels": [1.0, 0.5], "rate": math.nan}
    record = hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()
    assert provenance["record_sha256"] == record
    assert {path.name for path in run.path.iterdir()} == {"config.json", "provenance.json"}


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (Config(depth=4), "`depth` is 3 there and 4 here. Use another --workdir, or delete"),
        (Config(levels=(1.0,)), r"`levels` is \[1.0, 0.5\] there and \[1.0\] here"),
        (LaterConfig(), r"`width` is '\(no such field\)' there and 8 here"),
    ],
)
def test_a_directory_of_another_configuration_is_refused_and_stays_as_it_is(tmp_path, other, text):
    open_run(tmp_path, Config())
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ValueError, match=text):
        open_run(tmp_path, other)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_damaged_config_and_a_directory_without_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is no run's directory"):
        load_config(tmp_path)
    (tmp_path / "config.json").write_text('{"depth": 3')
    with pytest.raises(ValueError, match=r"config.json is damaged"):
        open_run(tmp_path, Config())


def test_arrays_numbers_and_text_come_back_bit_for_bit(tmp_path):
    run = open_run(tmp_path, Config())
    array = np.array([[1.5, np.nan, -np.inf]], np.float32)
    assert not run.has("a")
    run.save("a", {"array": array, "number": 0.1, "count": 3, "text": "gräßlich", "flag": True})
    loaded = run.load("a")
    assert run.has("a")
    assert loaded["array"].dtype == np.float32
    np.testing.assert_array_equal(loaded.pop("array"), array)
    assert loaded == {"number": 0.1, "count": 3, "text": "gräßlich", "flag": True}
    run.save("a", {"number": 0.2})
    assert run.load("a") == {"number": 0.2}
    assert [path.name for path in (tmp_path / "arrays").iterdir()] == ["a.npz"]


@pytest.mark.parametrize("damage", [lambda b: b[:-30], lambda b: b"", lambda b: b[:60] + b"?" * 40])
def test_a_damaged_array_file_is_refused_by_name(tmp_path, damage):
    run = open_run(tmp_path, Config())
    run.save("a", {"array": np.arange(100.0)})
    path = tmp_path / "arrays" / "a.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a.npz is damaged .*Delete it and run"):
        run.load("a")
    with pytest.raises(ValueError, match=r"There is no .*b.npz"):
        run.load("b")


def test_objects_are_refused_before_anything_is_written(tmp_path):
    run = open_run(tmp_path, Config())
    with pytest.raises(ValueError, match="`bad` in `arrays` must be numbers or text; got dtype ob"):
        run.save("a", {"bad": None})
    assert not (tmp_path / "arrays").exists()


def test_metrics_survive_a_line_cut_short_by_a_kill(tmp_path):
    run = open_run(tmp_path, Config())
    assert run.metrics() == []
    for step in range(3):
        run.log({"step": step, "loss": 0.5})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 3, "lo')
    assert [record["step"] for record in run.metrics()] == [0, 1, 2]
    run.log({"step": 3, "loss": 0.25})
    assert [record["step"] for record in run.metrics()] == [0, 1, 2, 3]
    run.truncate_metrics(2)
    assert run.metrics() == [{"step": 0, "loss": 0.5}, {"step": 1, "loss": 0.5}]


def test_metrics_damaged_elsewhere_are_refused_with_the_line(tmp_path):
    run = open_run(tmp_path, Config())
    (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n{"st\n{"step": 2}\n')
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 2, is damaged"):
        run.metrics()


def test_a_stage_is_computed_once_and_what_is_of_other_weights_is_refused(tmp_path):
    run, calls = open_run(tmp_path, Config()), []

    def compute():
        calls.append(None)
        return {"loss": 0.5}

    found = [run.stage("end", "weights", compute) for _ in range(2)]
    assert [one["loss"] for one in found] == [0.5, 0.5] and len(calls) == 1
    assert found[0]["seconds"] >= 0 and run.load_of("end", "weights") == found[0]
    assert run.load_of("end", "") == found[0]
    for read in (lambda: run.stage("end", "others", compute), lambda: run.load_of("end", "others")):
        with pytest.raises(
            ValueError, match="holds end of other weights, or does not say of which"
        ):
            read()
    assert len(calls) == 1


def test_provenance_names_the_module_that_a_process_runs_also_a_package(monkeypatch):
    main = sys.modules["__main__"]
    for spec, name in (("some.package.__main__", "some.package"), ("some.module", "some.module")):
        monkeypatch.setattr(main, "__spec__", importlib.machinery.ModuleSpec(spec, None))
        assert provenance.program() == name
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.setattr("sys.argv", ["/somewhere/script.py", "word"])
    assert provenance.here({})["argv"] == ["script.py", "word"]

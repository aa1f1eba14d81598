"""The command line that all experiments share."""

import importlib
import pathlib

import pytest

from experiments.common.launch import defaults, launch

EXPERIMENTS = [
    path.stem
    for path in sorted((pathlib.Path(__file__).parents[2] / "experiments").glob("[a-z]*.py"))
]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_help_names_every_field_with_its_default_and_its_meaning(name, monkeypatch, capsys):
    experiment = importlib.import_module(f"experiments.{name}")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    launch(experiment.run, config_file=f"configs/{name}.py")
    text = capsys.readouterr().out
    assert "--workdir" in text and f"configs/{name}.py" in text
    for field, value in defaults(experiment.Config()):
        assert f"--config.{field}={value!r}" in text
        assert f"\n  {field.rpartition('.')[2]}: " in text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the loader of configurations
def test_a_field_that_does_not_exist_ends_the_program_with_one_sentence(monkeypatch, capsys):
    experiment = importlib.import_module("experiments.surface")
    monkeypatch.setattr("sys.argv", ["surface", "--workdir=x", "--config.plane=3"])
    with pytest.raises(SystemExit, match="1"):
        launch(experiment.run, config_file="configs/surface.py")
    assert capsys.readouterr().err.startswith("error: Field plane not found on")

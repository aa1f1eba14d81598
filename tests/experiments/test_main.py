"""The command line that all experiments share."""

import importlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

import pytest

from experiments.common.launch import defaults, launch

FOLDER = pathlib.Path(__file__).parents[2] / "experiments"
PLACES = [*FOLDER.glob("[a-z]*.py"), *(path.parent for path in FOLDER.glob("*/__main__.py"))]
EXPERIMENTS = sorted(path.stem for path in PLACES)


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


SAID = """
import dataclasses, json, sys
from experiments.common.launch import launch
from lsgeo import provenance

@dataclasses.dataclass
class Config:
    names: tuple[str, ...] = ()
    rate: float = 1.0
    dry_run: bool = False

def run(config: Config, workdir, progress=None, command=""):
    arguments = provenance.here({})["argv"]
    print(json.dumps([command, dataclasses.astuple(config), arguments]))
"""
START = "launch(run, config_file='said_config.py', shorthands=('dry_run',), needs_workdir=False)\n"


@pytest.mark.parametrize("kind", ["file", "package"])
def test_the_command_that_a_run_is_told_names_its_module_and_gives_its_configuration_again(
    kind, tmp_path
):
    if kind == "file":
        (tmp_path / "said.py").write_text(f"{SAID}\nif __name__ == '__main__':\n    {START}")
    else:
        (tmp_path / "said").mkdir()
        (tmp_path / "said" / "__init__.py").write_text(SAID)
        start = f"from experiments.common.launch import launch\nfrom said import run\n{START}"
        (tmp_path / "said" / "__main__.py").write_text(start)
    (tmp_path / "said_config.py").write_text(
        "import said\n\ndef get_config():\n    return said.Config(rate=3.0)\n"
    )
    words = ["-m", "said", "--dry-run", "--config=said_config.py"]
    words += ["--config.names=a", "--config.names=c"]
    command, config, argv = _said(words, tmp_path)
    assert command.startswith("python -m said --config=said_config.py '--config.names=")
    assert config == [["a", "c"], 3.0, True]
    assert argv == ["said", *words[2:]]
    again, config, _ = _said(shlex.split(command)[1:], tmp_path)
    assert again == command and config == [["a", "c"], 3.0, False]


def _said(words, folder):
    path = os.pathsep.join([str(folder), str(FOLDER.parent)])
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

"""The command line that all experiments share."""

import pytest

from experiments import _main, export, gate, saddles, spectrum, study, surface, train, train_smoke


@pytest.mark.parametrize(
    "experiment", [train, spectrum, saddles, surface, export, study, gate, train_smoke]
)
def test_help_names_every_field_with_its_default_and_its_meaning(experiment, monkeypatch, capsys):
    name = experiment.__name__.rpartition(".")[2]
    monkeypatch.setattr("sys.argv", [name, "--help"])
    _main.launch(experiment.run, config_file=f"configs/{name}.py")
    text = capsys.readouterr().out
    assert "--workdir" in text and f"configs/{name}.py" in text
    for field, value in _main._defaults(experiment.Config()):
        assert f"--config.{field}={value!r}" in text
        assert f"\n  {field.rpartition('.')[2]}: " in text

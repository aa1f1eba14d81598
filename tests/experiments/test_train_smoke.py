"""The smoke run: every row is a network, and one that does not learn is named."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

from experiments import train, train_smoke
from experiments.common import data as common
from experiments.common.options import create_model
from lsgeo import models

NEVER = dataclasses.replace(
    train_smoke.ROWS["mlp"], num_train=60, num_test=10, depth=1, width=4, max_steps=0
)


@pytest.mark.parametrize("name", train_smoke.ROWS)
def test_every_row_is_a_network_for_its_data(name):
    config = train_smoke.ROWS[name]
    dataset = train.load_data(config)
    model = create_model(config, dataset)
    count = models.count_parameters(models.shapes(model, dataset.train["image"])["params"])
    assert 5_000 < count < 200_000
    assert len(dataset.train["label"]) == config.num_train


def test_a_network_that_did_not_learn_is_named_with_its_share(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(train_smoke, "ROWS", {"idle": NEVER, "mlp": NEVER})
    with pytest.raises(ValueError, match=r"Not over 95% of the training set: idle \(\d+\.\d%\)\.$"):
        train_smoke.run(train_smoke.Config(families="idle"), tmp_path / "a", lambda *_: None)
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["family", "parameters", "steps", "seconds", "accuracy"]
    found = train.run(NEVER, tmp_path / "a" / "idle").load("summary")
    assert line.split()[:3] == ["idle", str(found["num_parameters"]), "0"]
    assert line.endswith(f"{found['train_accuracy']:.1%}")
    with pytest.raises(
        ValueError, match="Unknown name in `families`: 'vgg'. Choose from: idle; mlp"
    ):
        train_smoke.run(train_smoke.Config(families="vgg"), tmp_path / "b")


def test_tokens_are_the_pixels_of_the_digits_and_the_label_is_the_next_one():
    found = common.load_tokens(common.TOKENS, num_train=30)
    first = common.load_tokens(common.TOKENS, num_train=7)
    whole = common.load_tokens(common.TOKENS)
    rows = []
    for part in (whole.train, whole.test):
        np.testing.assert_array_equal(part["image"][:, 1:], part["label"][:, :-1])
        rows += [*np.concatenate([part["image"], part["label"][:, -1:]], 1).tolist()]
    pixels = load_digits().images.reshape(-1, 64)
    assert sorted(rows) == sorted(pixels.tolist())
    assert (found.num_classes, found.train["image"].dtype) == (17, np.int32)
    np.testing.assert_array_equal(first.train["image"], found.train["image"][:7])
    assert found.sha256 != first.sha256

"""The description of a training: it has every field of a recipe, and what runs have on disk."""

import dataclasses

import pytest

from experiments import train
from lsgeo import runs
from lsgeo.training import Description, Recipe

# What config.json of a finished training holds; a field of another name or default closes old directories.
STORED = {
    "activation": "",
    "augment": "none",
    "batch_size": 0,
    "boundaries": [],
    "checkpoints": True,
    "clip_norm": 0.0,
    "data_options": "",
    "data_seed": 0,
    "dataset": "digits",
    "decay": "gradient",
    "decay_leaves": ["**"],
    "depth": 0,
    "ema": 0.0,
    "eval_batch_size": 0,
    "eval_every": 50,
    "factors": [],
    "initializer": "",
    "label_smoothing": 0.0,
    "learning_rate": 0.001,
    "loss": "cross_entropy",
    "loss_levels": [1.0, 0.5, 0.1],
    "max_steps": 1000,
    "mixup": 0.0,
    "model": "mlp",
    "momentum": 0.9,
    "norm": "",
    "num_test": 0,
    "num_train": 1000,
    "optimizer": "adam",
    "options": "",
    "random_labels": 0.0,
    "rate_factors": [],
    "rate_leaves": [],
    "root": "",
    "save_every": 500,
    "schedule": "constant",
    "seed": 0,
    "skip": "",
    "snapshot_epochs": [],
    "snapshot_steps": [],
    "stats_passes": 2,
    "stop_loss": 0.0,
    "subset": "balanced",
    "tensorboard": False,
    "warmup_steps": 0,
    "weight_decay": 0.0,
    "width": 0,
}


def test_a_directory_of_an_earlier_training_opens(tmp_path):
    runs.write_json(tmp_path / "config.json", STORED)
    before = (tmp_path / "config.json").read_bytes()
    assert runs.open_run(tmp_path, train.Config()).path == tmp_path
    assert (tmp_path / "config.json").read_bytes() == before
    with pytest.raises(ValueError, match="`width` is 0 there and 9 here"):
        runs.open_run(tmp_path, train.Config(width=9))


def test_every_field_of_a_recipe_is_one_of_the_description_and_comes_back_in_its_recipe():
    mine = {field.name: field.type for field in dataclasses.fields(Description)}
    for field in dataclasses.fields(Recipe):
        assert mine[field.name] == field.type
    described = Description(optimizer="sgd", batch_size=8, loss_levels=(), save_every=3)
    assert described.recipe() == Recipe(optimizer="sgd", batch_size=8, save_every=3)


def test_fields_are_set_one_by_one_and_checked_as_a_recipe():
    description = Description()
    description.optimizer = "adamw"
    with pytest.raises(ValueError, match="`optimizer` 'adamw' has decoupled decay"):
        description.recipe()
    description.decay = "decoupled"
    assert description.recipe().optimizer == "adamw"

"""The experiment on tiny networks: results, kill and resume, shared compilations, refusals."""

import dataclasses
import math
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from configs import recipes
from configs.train import get_config
from experiments.common import trainee
from experiments.common.losses import evaluate
from experiments.common.network import choose_checkpoints, load_network
from experiments.common.options import create_model
from experiments.train import (
    Config,
    load_data,
    make_recipe,
    run,
)
from lsgeo import models, runs, training
from lsgeo.training import checkpoints, load_checkpoint
from lsgeo.training._steps import Plan, update_function
from lsgeo.training.recipes.optimizers import direction_of

ROOT = pathlib.Path(__file__).parents[2]
TINY = Config(num_train=60, num_test=40, depth=2, width=8, learning_rate=0.03, max_steps=30)
TINY = dataclasses.replace(
    TINY, norm="layer", loss_levels=(2.0, 1.5, 1e-6), eval_every=5, save_every=8
)
BATCHES = dataclasses.replace(TINY, batch_size=16, norm="batch")


def loss_of(config, stored, part="train"):
    dataset = load_data(config)
    constants = {"batch_stats": stored["batch_stats"]} if stored["batch_stats"] else {}
    predict = models.Logits(create_model(config, dataset), constants)
    return evaluate(predict, stored["params"], getattr(dataset, part))


@pytest.mark.parametrize("config", [TINY, BATCHES], ids=["full-batch", "mini-batch-norm"])
def test_checkpoints_and_summary_agree_with_losses_measured_afresh(config, tmp_path):
    run(config, tmp_path)
    opened = run(config, tmp_path, progress=lambda *_: pytest.fail("it had ended"))
    summary = opened.load("summary")
    first, second, never = (int(step) for step in summary["reached"])
    assert (summary["status"], summary["step"], never) == ("trained", 30, -1)
    assert 0 < first < second < 30
    names = ["init", "loss_2.0", "loss_1.5", "end"]
    assert checkpoints(tmp_path) == names
    for name, step in zip(names, (0, first, second, 30), strict=True):
        stored = load_checkpoint(tmp_path, name)
        assert stored["step"] == step
        # Another program computes the same sum: a few float32 roundings.
        np.testing.assert_allclose(loss_of(config, stored)[0], stored["loss"], rtol=1e-5)
    assert load_checkpoint(tmp_path, "loss_1.5")["loss"] <= 1.5
    test_loss, test_accuracy = loss_of(config, stored, "test")
    np.testing.assert_allclose(summary["test_loss"], test_loss, rtol=1e-5)
    np.testing.assert_allclose(summary["test_accuracy"], test_accuracy, rtol=1e-5)
    np.testing.assert_allclose(summary["train_loss"], stored["loss"], rtol=1e-5)
    assert [record["step"] for record in opened.metrics()] == [0, 5, 10, 15, 20, 25, 30]
    assert not (tmp_path / "resume").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {
            "label_smoothing": 0.1,
            "eval_batch_size": 25,
            "batch_size": 16,
            "decay_leaves": ("**/kernel",),
            "ema": 0.5,
        },
        {"loss": "squared_error"},
    ],
    ids=["cross-entropy-in-parts", "squared-error"],
)
def test_decay_in_the_loss_is_in_every_measured_loss_and_in_the_landscape(fields, tmp_path):
    decayed = {"weight_decay": 0.1, "decay": "loss", "snapshot_epochs": (1,), "loss_levels": ()}
    config = dataclasses.replace(TINY, depth=1, max_steps=4, **decayed, **fields)
    summary = run(config, tmp_path).load("summary")
    assert choose_checkpoints(tmp_path, ()) == list(make_recipe(config).snapshot_names)
    for name in checkpoints(tmp_path):
        stored = load_checkpoint(tmp_path, name)
        network = load_network(tmp_path, name)
        # Another program computes the same sums: a few float32 roundings.
        np.testing.assert_allclose(network.value(), stored["loss"], rtol=1e-5)
        kernels = "kernel" if fields.get("decay_leaves") else ""
        squares = sum(
            np.sum(np.square(leaf, dtype=np.float64))
            for path, leaf in jax.tree_util.tree_leaves_with_path(stored["params"])
            if kernels in jax.tree_util.keystr(path)
        )
        bare = network.loss.loss(network.params, network.batch)
        np.testing.assert_allclose(network.value(), float(bare) + 0.05 * squares, rtol=1e-5)
        if name in ("end", "average"):
            prefix = "average_" if name == "average" else ""
            np.testing.assert_allclose(summary[f"{prefix}train_loss"], stored["loss"], rtol=1e-5)
            np.testing.assert_allclose(summary[f"{prefix}penalty"], 0.05 * squares, rtol=1e-5)


def test_labels_outside_the_classes_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    dataset = load_data(TINY)
    wrong = {**dataset.test, "label": dataset.test["label"] + 1}
    monkeypatch.setattr(trainee, "load_data", lambda _: dataclasses.replace(dataset, test=wrong))
    with pytest.raises(ValueError, match="`labels` must be 0 to 9, for 10 classes; example"):
        run(TINY, tmp_path / "a")
    assert not (tmp_path / "a").exists()


class Kill(Exception):
    pass


@pytest.mark.parametrize("config", [TINY, BATCHES], ids=["full-batch", "mini-batch-norm"])
@pytest.mark.parametrize("kill_at", [5, 20])  # Before the first resume state, and after the second.
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(config, kill_at, tmp_path):
    def kill(step, total, text):
        if step == kill_at:
            raise Kill

    whole = run(config, tmp_path / "whole")
    with pytest.raises(Kill):
        run(config, tmp_path / "killed", progress=kill)
    assert (tmp_path / "killed" / "resume").exists() == (kill_at > 8)
    steps = []
    killed = run(config, tmp_path / "killed", progress=lambda step, *_: steps.append(step))
    assert steps[0] == (0 if kill_at < 8 else 20)  # The state of step 16 is followed by 20.
    assert killed.metrics() == whole.metrics()
    for name in checkpoints(whole.path):
        a, b = load_checkpoint(whole.path, name), load_checkpoint(killed.path, name)
        jax.tree.map(np.testing.assert_array_equal, a, b)
    a, b = whole.load("summary"), killed.load("summary")
    a.pop("seconds"), b.pop("seconds")
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_twins_start_from_the_same_weights_and_see_the_same_order(tmp_path):
    starts = []
    for skip in ("none", "identity"):
        config = dataclasses.replace(TINY, skip=skip, max_steps=0)
        run(config, tmp_path / skip)
        starts.append(load_checkpoint(tmp_path / skip, "init")["params"])
    jax.tree.map(np.testing.assert_array_equal, *starts)


def test_runs_that_differ_in_seed_or_learning_rate_share_the_compiled_update(tmp_path):
    config = dataclasses.replace(TINY, depth=1, max_steps=3, checkpoints=False)
    run(config, tmp_path / "a")
    update = update_function(Plan(direction_of(make_recipe(config))))
    before = update._cache_size()
    run(dataclasses.replace(config, seed=1, learning_rate=0.02), tmp_path / "b")
    assert update._cache_size() == before
    run(dataclasses.replace(config, depth=3), tmp_path / "c")
    assert update._cache_size() == before + 1
    assert checkpoints(tmp_path / "a") == []


def test_divergence_is_recorded_and_has_no_end(tmp_path):
    config = dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e30, norm="none")
    summary = run(config, tmp_path).load("summary")
    assert summary["status"] == "diverged"
    assert summary["message"].startswith(f"diverged at step {summary['step']}")
    assert math.isnan(summary["test_loss"]) and not math.isfinite(summary["fit_loss"])
    assert checkpoints(tmp_path) == ["init"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"dataset": "emnist"}, "Unknown dataset: 'emnist'"),
        ({"model": "cnn"}, "Unknown model: 'cnn'"),
        ({"skip": "gate"}, "Unknown skip: 'gate'"),
        ({"optimizer": "lion"}, "Unknown `optimizer`: 'lion'"),
        ({"model": "resnet", "depth": 9, "norm": "batch"}, "`depth` of a resnet must be 6 n"),
        ({"activation": "selu"}, "Unknown activation of the model mlp: 'selu'"),
        ({"initializer": "ones"}, "Unknown initializer of the model mlp: 'ones'"),
        ({"options": "growth=12"}, "Unknown option of the model mlp: 'growth'"),
        ({"options": "depth=3"}, "`depth` is given twice, as 2 and in `options` as 3"),
        ({"options": "num_classes=3"}, "`options` hold num_classes, which the data decide"),
        ({"options": "12"}, "options must be written"),
        ({"model": "resnet-20"}, "`depth` is 2, but resnet-20 has 20. .* `model` to 'resnet'"),
        ({"initializer": "fixup"}, "'fixup' is for networks without normalisation"),
        ({"batch_size": 61}, "`batch_size` is 61, but there are 60 training examples"),
        ({"loss": "hinge"}, "Unknown `loss`: 'hinge'. Choose one of: cross_entropy, squared_error"),
        (
            {"loss": "squared_error", "label_smoothing": 0.1},
            "`label_smoothing` is 0.1, but `loss` is 'squared_error', which has none",
        ),
        ({"augment": "flip"}, "Unknown `augment`: 'flip'. Choose one of: none, crop-flip"),
        ({"mixup": -1.0}, "`mixup` must be 0 or positive; got -1.0"),
        ({"num_train": 5000}, "`num_train` must be between 1 and 1347; got 5000"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(fields, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        run(dataclasses.replace(TINY, **fields), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_the_directory_of_another_configuration_is_refused(tmp_path):
    run(dataclasses.replace(TINY, max_steps=0), tmp_path)
    with pytest.raises(ValueError, match=r"`seed` is 0 there and 1 here. Use another --workdir"):
        run(dataclasses.replace(TINY, max_steps=0, seed=1), tmp_path)


def test_the_config_files_give_configs():
    assert get_config() == Config(depth=16, width=32, norm="layer")
    for name, paper in training.PAPER_RECIPES.items():
        config = recipes.get_config(name)
        assert make_recipe(config) == paper.recipe
        assert (config.augment, config.loss) == (paper.augment, paper.loss)


def test_a_configuration_reaches_every_option_of_its_model():
    config = dataclasses.replace(
        TINY,
        skip="gated(gate=0.5)",
        activation="tanh",
        initializer="fixup",
        norm="",
        options="block='two_layer', remat=True",
    )
    model = create_model(config, load_data(config))
    made = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    expected = {"depth": 2, "width": 8, "skip": "gated(gate=0.5)", "norm": "none"}
    expected |= {"activation": "tanh", "initializer": "fixup", "block": "two_layer", "remat": True}
    assert expected.items() <= made.items()
    fields = models.fields_of("mlp", models.options_of(config))
    read = dataclasses.replace(Config(num_train=60), **fields)
    assert create_model(read, load_data(read)) == model


def test_fields_that_are_left_empty_take_the_default_of_the_model():
    dataset = load_data(TINY)
    assert create_model(Config(), dataset) == models.create("mlp")
    assert create_model(Config(model="resnet-20"), dataset) == models.create("resnet-20")
    plain = create_model(Config(model="resnet-20", skip="none", norm="none"), dataset)
    assert plain == models.create("resnet", depth=20, skip="none", norm="none")


def test_a_regression_is_trained_and_loaded(tmp_path):
    config = Config(
        dataset="chebyshev",
        data_options="degree=3",
        num_train=20,
        depth=2,
        width=8,
        activation="tanh",
        loss="squared_error",
        max_steps=30,
        eval_every=10,
        learning_rate=0.01,
    )
    summary = run(config, tmp_path).load("summary")
    assert summary["status"] == "trained" and math.isnan(summary["train_accuracy"])
    losses = [line["loss"] for line in runs.open_run(tmp_path, config).metrics()]
    assert losses[-1] < losses[0]
    network = load_network(tmp_path, "end")
    outputs = np.asarray(network.predict(network.params, network.batch))
    expected = ((outputs - network.batch["target"]) ** 2).sum(1).mean() / 2
    np.testing.assert_allclose(network.value(), expected, rtol=1e-6)
    np.testing.assert_allclose(summary["train_loss"], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="`dataset` chebyshev is a regression"):
        run(dataclasses.replace(config, loss="cross_entropy"), tmp_path / "other")


def test_random_skips_augmentation_and_mixup_train_together_and_again_to_the_same_bits(tmp_path):
    config = dataclasses.replace(
        TINY,
        num_train=32,
        skip="stochastic_depth",
        augment="crop-flip",
        mixup=0.5,
        random_labels=0.25,
        batch_size=16,
        max_steps=4,
        loss_levels=(),
    )
    first, again = (load_checkpoint(run(config, tmp_path / n).path, "end") for n in "ab")
    jax.tree.map(np.testing.assert_array_equal, first["params"], again["params"])
    other = dataclasses.replace(config, skip="identity")
    other = load_checkpoint(run(other, tmp_path / "c").path, "end")
    kernels = [tree["params"]["block_0"]["dense_0"]["kernel"] for tree in (first, other)]
    assert not np.array_equal(*kernels)


def test_gates_go_through_training_checkpoint_and_loading(tmp_path):
    gated = dataclasses.replace(
        TINY,
        skip="gated(gate=0.25)",
        norm="batch",
        batch_size=16,
        max_steps=3,
        eval_every=1,
    )
    run(gated, tmp_path)
    network = load_network(tmp_path, "end")
    assert sorted(network.constants) == ["batch_stats", "gates"]
    assert [float(leaf) for leaf in jax.tree.leaves(network.constants["gates"])] == [0.25] * 2
    stored = load_checkpoint(tmp_path, "end")
    np.testing.assert_allclose(network.value(), stored["loss"], rtol=1e-5)
    opened = dataclasses.replace(network, constants=models.set_gates(network.constants, 1.0))
    assert abs(opened.value() - stored["loss"]) > 1e-3


def test_a_checkpoint_of_another_architecture_is_refused_with_both_shapes(tmp_path):
    run(dataclasses.replace(TINY, max_steps=0), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"width": 8', '"width": 9'))
    with pytest.raises(
        ValueError, match=r"block_0/dense_0/bias is \[8\] in the .* \[9\] in the model"
    ):
        load_network(tmp_path, "init")
    path.write_text(path.read_text().replace('"norm": "layer"', '"norm": "batch"'))
    with pytest.raises(ValueError, match="block_0/dense_0/bias is .* and missing in the model"):
        load_network(tmp_path, "init")


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--config.dept=3", "dept"),
        ("--config.depth=abc", "--config.depth=abc"),
        ("--config.skip=gate", "Unknown skip: 'gate'. Choose one of: "),
        ("--config=configs/recipes.py:lie", "Unknown paper recipe: 'lie'. Choose one of: "),
    ],
)
def test_wrong_flags_end_with_one_sentence_and_status_one(flag, text, tmp_path):
    command = [sys.executable, "-m", "experiments.train", "--config=configs/train.py"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [*command, f"--workdir={tmp_path / 'a'}", flag],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and text in line
    assert not (tmp_path / "a").exists()

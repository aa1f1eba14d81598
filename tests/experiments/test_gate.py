"""The sweep of a gate: its ends are the twins themselves, and no gate is compiled for."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments import gate, train
from experiments.common.network import load_network
from experiments.common.options import create_model
from experiments.gate import _sweep
from lsgeo import hessian, models, runs

TRAIN = train.Config(
    num_train=40, num_test=10, depth=1, width=4, norm="batch", skip="gated(gate=0.5)"
)
TRAIN = dataclasses.replace(TRAIN, max_steps=4, learning_rate=0.02, loss_levels=(), save_every=0)
CONFIG = gate.Config(network=TRAIN, num_gates=3)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("gate")
    gate.run(CONFIG, workdir)
    return workdir


@pytest.mark.parametrize(("k", "skip"), [(0, "none"), (2, "identity")])
def test_the_ends_of_the_sweep_are_the_plain_and_the_residual_network_of_the_same_weights(
    swept, k, skip
):
    network = load_network(swept / "train", "end")
    twin = create_model(dataclasses.replace(TRAIN, skip=skip), train.load_data(TRAIN))
    variables = {"params": network.params, "batch_stats": network.constants["batch_stats"]}
    stats = models.reestimate_batch_stats(twin, variables, network.batch["image"])
    loss = models.CrossEntropy(twin, stats)
    entry = runs.Run(swept).load(f"gate_00{k}")
    assert entry["gate"] == (0 if skip == "none" else 1) and entry["converged"]
    np.testing.assert_allclose(entry["loss"], loss(network.params, network.batch), rtol=1e-5)
    logits = models.Logits(twin, stats)(network.params, network.batch)
    right = np.mean(np.argmax(np.asarray(logits), -1) == np.asarray(network.batch["label"]))
    np.testing.assert_allclose(entry["accuracy"], right)
    values = np.linalg.eigvalsh(hessian(loss, network.params, network.batch).to_dense())
    ends = [entry["lambda_min"], entry["lambda_max"]]
    # Residual of at most tol times the largest |lambda|.
    np.testing.assert_allclose(ends, values[[0, -1]], atol=1e-3 * np.abs(values).max())


def test_the_gate_of_training_is_kept_and_statistics_can_be_left_frozen(swept, tmp_path):
    summary = runs.Run(swept).load("summary")
    np.testing.assert_array_equal(summary["trained_gates"], [0.5])
    np.testing.assert_array_equal(summary["gate"], [0, 0.5, 1])
    assert (summary["batch_stats"], summary["step"]) == ("re-estimated", 4)
    frozen = dataclasses.replace(
        CONFIG, run=str(swept / "train"), batch_stats="frozen", num_gates=3
    )
    other = gate.run(frozen, tmp_path).load("summary")
    # At the gate of training both policies are one; elsewhere they are not.
    np.testing.assert_allclose(other["loss"][1], summary["loss"][1], rtol=1e-5)
    assert np.all(np.abs(other["loss"] - summary["loss"])[[0, 2]] > 1e-3)
    assert "<svg" in (tmp_path / "figures" / "gate.svg").read_text()
    assert _sweep._evaluate._cache_size() == 1


def test_a_killed_sweep_continues_and_one_of_other_weights_is_refused(swept, tmp_path):
    def kill(done, total, text):
        raise Killed

    config = dataclasses.replace(CONFIG, run=str(swept / "train"))
    with pytest.raises(Killed):
        gate.run(config, tmp_path, kill)
    steps = []
    gate.run(config, tmp_path, lambda done, *_: steps.append(done))
    a, b = (runs.Run(path).load("summary") for path in (swept, tmp_path))
    jax.tree.map(np.testing.assert_array_equal, a, b)
    assert steps == [1, 2, 3]
    entry = runs.Run(tmp_path).load("gate_001")
    runs.Run(tmp_path).save("gate_001", {**entry, "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds gate_001 of other weights"):
        gate.run(config, tmp_path)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"num_gates": 1}, "`num_gates` must be at least 2; got 1"),
        (
            {"batch_stats": "batch"},
            "Unknown `batch_stats`: 'batch'. Choose one of: re-estimated, frozen",
        ),
        (
            {"network": dataclasses.replace(TRAIN, skip="identity")},
            "`network` has skip='identity', which has no",
        ),
        ({"run": "nowhere"}, "`workdir` nowhere is no run's directory"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(fields, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        gate.run(dataclasses.replace(CONFIG, **fields), tmp_path / "a")
    assert not (tmp_path / "a").exists()

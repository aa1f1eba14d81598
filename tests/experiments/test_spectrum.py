"""Spectra of a user's own model, from the command line's function to the files."""

import dataclasses

import chex
import jax
import numpy as np
import pytest

import lsgeo
from experiments import spectrum, train
from experiments.common.problem import load_problem
from experiments.spectrum import Config, load_density
from lsgeo import models
from tests import problems

SMALL = {"num_probes": 3, "num_steps": 10, "tol": 1e-5}


def dense_eigenvalues(name):
    loss, params, data = getattr(__import__("tests.problems", fromlist=[name]), name)()
    params, data = jax.tree.map(lambda leaf: leaf.astype(np.float64), (params, data))
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    parts = data if isinstance(data, list) else [data]
    counts = np.array([len(part["y"]) for part in parts])
    hessians = [jax.hessian(lambda v, part=part: loss(unravel(v), part))(flat) for part in parts]
    return np.linalg.eigvalsh(np.tensordot(counts / counts.sum(), np.stack(hessians), 1))


@pytest.mark.parametrize("name", ["plain", "in_batches", "flax_nnx", "equinox"])
def test_problem_of_any_framework_gives_the_eigenvalues_of_its_dense_hessian(name, tmp_path):
    config = Config(problem=f"tests.problems:{name}", **SMALL)
    stored = spectrum.run(config, tmp_path / "run").load("problem")
    exact = dense_eigenvalues(name)
    largest = np.abs(exact).max()
    np.testing.assert_allclose(
        [stored["lambda_min"], stored["lambda_max"]], exact[[0, -1]], atol=1e-5 * largest
    )
    np.testing.assert_allclose(stored["trace"], exact.sum(), atol=1e-4 * largest)
    assert stored["size"] == len(exact)
    assert load_density(stored).nodes.shape == (3, 10)
    assert (tmp_path / "run/figures/density.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"problem": "tests.problems:not_three"}, r"must return \(loss, params, data\); got tuple"),
        ({"problem": "tests.problems:nothing"}, r"'tests.problems:nothing' cannot be found"),
        ({"problem": "tests.no_such_module:f"}, r"cannot be found.*folder that holds the module"),
        ({"problem": "tests.problems"}, r"must read package.module:function"),
        ({"problem": "tests.problems:plain", "run": "runs/x"}, r"`run` or `problem`, not both"),
        (
            {"problem": "tests.problems:plain", "num_examples": 3},
            r"`num_examples` belongs to a `run`",
        ),
    ],
)
def test_wrong_problem_is_refused_before_anything_is_written(changes, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        spectrum.run(dataclasses.replace(Config(), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_list_is_taken_for_batches_and_a_tuple_for_one_batch():
    assert load_problem("tests.problems:in_batches").data.keys() == {"batches", "count"}
    assert load_problem("tests.problems:plain").data.keys() == {"batch"}


def test_a_problem_may_say_what_its_loss_is_a_mean_over(tmp_path):
    config = Config(problem="tests.problems:masked_in_batches", figure=False, **SMALL)
    found = spectrum.run(config, tmp_path / "run").load("problem")
    loss, params, batch = problems.plain()
    there = jax.tree.map(lambda a: a[:30], batch)  # the rows that the mask leaves
    assert found["loss"] == pytest.approx(float(loss(params, there)), rel=1e-6)
    op = lsgeo.hessian(loss, params, there)
    top = np.linalg.eigvalsh(np.asarray(op.to_dense(), np.float64))[-1]
    assert found["lambda_max"] == pytest.approx(top, rel=1e-3)


def test_a_sweep_over_checkpoints_compiles_the_loss_once(tmp_path, monkeypatch):
    network = train.Config(num_train=30, num_test=10, depth=1, width=4, norm="batch")
    network = dataclasses.replace(network, max_steps=4, snapshot_steps=(1, 2), save_every=0)
    trained = str(train.run(network, tmp_path / "train").path)
    config = Config(run=trained, checkpoints=("init", "step_1", "step_2", "end"), **SMALL)
    # One trace is compiled for all; that a loss is not random takes two more of each checkpoint.
    counted = chex.assert_max_traces(models.CrossEntropy.__call__, 1 + 2 * len(config.checkpoints))
    monkeypatch.setattr(models.CrossEntropy, "__call__", counted)
    spectrum.run(config, tmp_path / "sweep")

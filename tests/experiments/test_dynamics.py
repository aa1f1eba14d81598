"""Full-batch training of tiny twins: what is recorded, resumed, drawn and refused."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from experiments import dynamics
from experiments.dynamics import _subjects, _training
from lsgeo import geometry, hessian, runs

CONFIG = dynamics.Config(
    dataset="gaussian-mixture",
    data_options="num_classes=3, dim=4",
    num_train=30,
    depth=1,
    width=3,
    init_scale=1.0,
    learning_rates=(0.02,),
    num_steps=4,
    every=2,
    top=2,
    stable_steps=3,
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return dynamics.run(CONFIG, tmp_path_factory.mktemp("dynamics"))


def subject(arm):
    return _subjects.subjects(CONFIG)[f"{arm}_0.02"]


def test_records_are_those_of_the_dense_hessian_along_plain_gradient_descent(whole):
    one, stored = subject("residual"), whole.load("residual_0.02")
    assert (stored["arm"], stored["status"], stored["limit"]) == ("skip", "trained", 100)
    tops = []
    gradient, params = jax.jit(jax.value_and_grad(one.loss)), one.params
    for step in range(5):
        loss, slope = gradient(params, one.batch)
        if step < 4:
            np.testing.assert_allclose(stored["losses"][step], loss, rtol=1e-5)
        if step % 2 == 0:
            matrix = hessian(one.loss, params, one.batch).to_dense()
            values, vectors = np.linalg.eigh(matrix)
            k = step // 2
            tops.append(vectors[:, -2:])
            found = stored["values"][k]
            # The default tolerance, of the largest eigenvalue.
            np.testing.assert_allclose(found, values[[0, -2, -1]], atol=2e-3 * values[-1])
            assert stored["sharpness"][k] == found[-1]
            flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(slope)])
            share = np.sum((vectors[:, -2:].T @ flat) ** 2) / np.sum(flat**2)
            np.testing.assert_allclose(stored["share"][k], share, atol=0.01)
        params = jax.tree.map(lambda w, g: w - 0.02 * g, params, slope)
    flow = geometry.follow_flow(one.loss, one.params, one.batch, until=0.08)
    np.testing.assert_allclose(stored["flow_loss"][-1], one.loss(flow.params, one.batch), rtol=1e-3)
    cosines = [np.linalg.svd(a.T @ b)[1] for a, b in itertools.pairwise(tops)]
    assert np.isnan(stored["kept"][0])
    np.testing.assert_allclose(stored["kept"][1:], np.mean(np.square(cosines), axis=1), atol=0.01)
    assert whole.load("residual_stable")["stable"] > 0
    assert not [name for name in stored if name.startswith("state_")]
    assert (whole.path / "figures" / "dynamics_0.02.svg").read_text().count("<svg") == 1


def test_twins_start_with_the_same_kernels_scaled():
    plain, residual = subject("plain").params, subject("residual").params
    assert jax.tree.all(jax.tree.map(np.array_equal, plain, residual))
    half = _subjects._scaled({"stem": {"kernel": np.ones(2), "scale": np.ones(2)}}, 0.5)
    assert (
        half["stem"]["kernel"].tolist() == [0.5] * 2 and half["stem"]["scale"].tolist() == [1] * 2
    )


def test_a_killed_training_goes_on_from_its_last_record_bit_for_bit(whole, tmp_path):
    def kill(done, total, text):
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        dynamics.run(CONFIG, tmp_path, progress=kill)
    cut = runs.Run(tmp_path).load("residual_0.02")
    assert (
        cut["status"] == "running" and cut["steps"].tolist() == [0, 2] and "state_params_0" in cut
    )
    ended = dynamics.run(CONFIG, tmp_path)
    for name in ("plain_0.02", "residual_0.02"):
        one, other = ended.load(name), whole.load(name)
        for field in one.keys() - {"seconds", "text"}:
            np.testing.assert_array_equal(one[field], other[field], err_msg=field)
    files = sorted((tmp_path / "arrays").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    dynamics.run(CONFIG, tmp_path)
    assert [file.stat().st_mtime_ns for file in files] == before


def followed(workdir, **change):
    config = dataclasses.replace(CONFIG, **{"num_steps": 2, "flow_gradients": 0, **change})
    name, one = next(iter(_subjects.subjects(config).items()))
    opened = runs.open_run(workdir, config)
    _training.follow(opened, name, one, lambda *_: None)
    return opened.load(name)


def test_adam_is_held_against_its_preconditioned_sharpness(tmp_path):
    stored = followed(tmp_path, optimizer="adam")
    np.testing.assert_allclose(stored["limit"], 38 / 0.02)
    assert np.isnan(stored["sharpness"][0]) and np.isfinite(stored["values"]).all()
    # Above the plain one: the second moments of a loss of order 1 are below 1.
    assert stored["sharpness"][1] > stored["values"][1, -1] and np.isnan(stored["distance"]).all()


def test_divergence_is_a_result(tmp_path):
    stored = followed(tmp_path, learning_rates=(1e12,))
    assert stored["status"] == "diverged" and "diverged by step 2" in stored["text"]
    assert np.isnan(stored["values"][-1]).all() and np.isfinite(stored["values"][0]).all()
    stored = followed(tmp_path / "at once", init_scale=1e30, flow_gradients=100)
    assert "diverged by step 0" in stored["text"] and np.isnan(stored["distance"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "adamw"}, "Unknown `optimizer`: 'adamw'. Choose one of: sgd, momentum"),
        (
            {"learning_rates": ()},
            r"`learning_rates` must be positive, each once to six digits; got \(\)",
        ),
        ({"learning_rates": (0.1, 0.1 + 1e-9)}, "`learning_rates` must be positive, each once"),
        ({"arms": "plain"}, "`arms` must name at least two arms"),
        ({"num_steps": 0}, "`num_steps` must be at least 1; got 0"),
        ({"init_scale": 0.0}, "`init_scale` must be positive; got 0.0"),
        ({"dataset": "chebyshev", "data_options": "", "loss": "cross_entropy"}, "is a regression"),
        ({"loss": "hinge"}, "Unknown `loss`: 'hinge'"),
        ({"momentum": 1.0}, "`momentum` must be at least 0 and below 1"),
    ],
)
def test_bad_fields_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        dynamics.run(dataclasses.replace(CONFIG, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()

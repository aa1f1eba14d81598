"""The largest curvature towards a rate of zero, of planted networks and of a real one."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import measure, train
from experiments.common.network import load_network
from lsgeo import models, operators
from lsgeo.study.measures.landscape.sweep import SWEEP
from tests.study.measures.subjects import batch, subject


def _loss(params, batch):
    return jnp.sum(jnp.array([2.0, 1.0]) * params["a"] ** 4) / 12


def _of(sizes):
    model = models.create("mlp", num_classes=3, depth=2, width=4)

    def at_rate(share):
        size = sizes(share)
        return size and ({"a": jnp.array([size**0.5, 0.1])}, 38.0 / share)

    found = dataclasses.replace(subject(model, batch(6)), loss=_loss, at_rate=at_rate)
    return SWEEP.measure(found)


def test_an_eigenvalue_that_stays_is_the_one_at_a_rate_of_zero():
    found = _of(lambda share: 3.0)  # The largest eigenvalue is 2 a**2.
    assert found["sharpness_limit"] == pytest.approx(6) and not found["sharpness_limit_bound"]
    assert found["sharpness_limit_lower"] <= 6 <= found["sharpness_limit_upper"]


def test_an_eigenvalue_that_reads_the_rate_is_a_bound():
    found = _of(lambda share: 0.8 * 19 / share)
    assert found["sharpness_limit_bound"] and found["sharpness_limit_upper"] == np.inf
    assert found["sweep_limit_share"] == pytest.approx(0.8)


def test_a_network_that_does_not_get_there_has_no_number():
    assert np.isnan(_of(lambda share: None)["sharpness_limit"])


def test_of_a_run_the_eigenvalue_at_its_own_rate_is_that_of_its_checkpoint(tmp_path):
    config = train.Config(
        **{"depth": 2, "width": 6, "num_train": 40, "num_test": 20, "norm": "layer"},
        **{"optimizer": "momentum", "learning_rate": 0.02, "max_steps": 60, "stop_loss": 1.0},
        loss_levels=(1.5,),
    )
    train.run(config, tmp_path / "train")
    settings = measure.Config(run=str(tmp_path / "train"), metric="sweep")
    found = measure.run(settings, tmp_path / "sweep").load("loss_1.5")
    network = load_network(tmp_path / "train", "loss_1.5")
    dense = np.asarray(operators.hessian(*network.problem).to_dense(), np.float64)
    largest = np.linalg.eigvalsh((dense + dense.T) / 2)[-1]
    assert found["sharpness_at_rate"] == pytest.approx(largest, rel=2e-2)
    limit = 3.8 / (0.1 * 0.02)
    assert found["sweep_limit_share"] == pytest.approx(found["sharpness_at_tenth"] / limit)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"optimizer": "momentum"}, 2 * 1.8 / 0.02),  # Cohen et al. 2021, with a momentum of 0.8
        ({"optimizer": "sgd"}, 2 / 0.02),
        ({"optimizer": "adam"}, np.nan),
        ({"optimizer": "sgd", "schedule": "cosine"}, np.nan),
    ],
)
def test_the_limit_is_that_of_full_batches_at_a_constant_rate(fields, limit):
    config = train.Config(learning_rate=0.02, momentum=0.8, **fields)
    assert measure._limit(config) == pytest.approx(limit, nan_ok=True)

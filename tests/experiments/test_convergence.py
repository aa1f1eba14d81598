"""The race of tiny arms: its steps are those of training, its eigenvalue is the dense Hessian's."""

import dataclasses
import re

import numpy as np
import pytest

from experiments import convergence, train
from experiments.common.network import load_network
from experiments.convergence import _race
from lsgeo import hessian, runs

NETWORK = train.Config(
    num_train=40, num_test=10, depth=1, width=8, norm="none", optimizer="sgd", max_steps=12
)
CONFIG = convergence.Config(
    network=NETWORK,
    arms="plain,identity-biased",
    learning_rates=(0.1, 3.0),
    num_seeds=2,
    target=2.2,
    num_bisections=1,
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    path = tmp_path_factory.mktemp("convergence")
    convergence.run(CONFIG, path)
    return runs.Run(path)


def test_steps_and_curvature_are_those_of_a_training_of_the_same_configuration(raced, tmp_path):
    alone = dataclasses.replace(
        NETWORK,
        skip="none",
        learning_rate=0.1,
        seed=1,
        loss_levels=(CONFIG.target,),
        stop_loss=CONFIG.target,
    )
    done = train.run(alone, tmp_path / "train").load("summary")
    assert raced.load("speeds")["rate"][0] == alone.learning_rate
    grid = convergence.load_grid(raced, CONFIG, "plain")
    assert grid["first"][0, 0] != grid["first"][0, 1]  # repeats are other networks
    assert grid["steps"].shape == (2, 2) and done["reached"][0] == grid["steps"][0, 1] > 1
    limits = raced.load("plain_limits")
    for name, place in (("init", "init"), (f"loss_{CONFIG.target}", "target")):
        network = load_network(tmp_path / "train", name)
        values = np.linalg.eigvalsh(hessian(network.loss, network.params, network.batch).to_dense())
        np.testing.assert_allclose(limits[f"lambda_{place}"][1], values[-1], rtol=1e-3)
    assert np.all(limits["factor"] == 2) and limits["stable_rate"].shape == (2,)


def test_speeds_and_speed_ups_are_kept_and_drawn(raced):
    speeds, ratios = raced.load("speeds"), raced.load("speed_ups")
    assert speeds["arms"].tolist() == ["plain", "identity-biased"]
    assert speeds["at_edge"].tolist() == ["lowest"] * 2  # at 3.0 nothing learns
    assert (ratios["slow"][0], ratios["fast"][0]) == ("plain", "identity-biased")
    np.testing.assert_allclose(ratios["ratio"][0], speeds["steps"][0] / speeds["steps"][1])
    assert (raced.path / "figures" / "convergence.svg").read_text().count("<svg") == 1


def test_a_killed_race_continues_and_ends_with_the_same_arrays(raced, tmp_path):
    def kill(done, total, text):
        if done == 1:
            raise Killed

    config = dataclasses.replace(CONFIG, figure=False)
    with pytest.raises(Killed):
        convergence.run(config, tmp_path, kill)
    first = tmp_path / "arrays" / "plain_rate_0.npz"
    before = first.stat().st_mtime_ns
    done = convergence.run(config, tmp_path)
    assert first.stat().st_mtime_ns == before
    for name in ("plain_rate_1", "identity-biased_limits", "speeds"):
        one, other = done.load(name), raced.load(name)
        for entry in one.keys() - {"seconds"}:
            np.testing.assert_array_equal(one[entry], other[entry])


def test_skips_are_compared_with_the_first_arm_and_with_the_start_that_stands_in_for_them():
    arms = _race.check(convergence.Config())
    pairs = [(slow.name, fast.name) for slow, fast in _race.pairs(arms)]
    assert pairs == [
        ("plain", "residual"),
        ("plain", "scaled"),
        ("plain", "identity-biased"),
        ("identity-biased", "residual"),
        ("identity-biased", "scaled"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": "plain,plane"}, "Unknown name in `arms`: 'plane'."),
        ({"learning_rates": (1.0, 0.1)}, "`learning_rates` must be positive and ascending"),
        ({"num_seeds": 0}, "`num_seeds` must be at least 1; got 0."),
        ({"target": 0.0}, "`target` must be positive; got 0.0."),
        (
            {"network": dataclasses.replace(NETWORK, skip="none")},
            "`network` has skip='none', which",
        ),
        ({"network": dataclasses.replace(NETWORK, optimizer="sdg")}, "Unknown `optimizer`: 'sdg'."),
        ({"network": dataclasses.replace(NETWORK, batch_size=41)}, "`batch_size` is 41, but there"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        convergence.run(dataclasses.replace(CONFIG, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()

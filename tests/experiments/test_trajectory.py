"""The trajectory experiment on tiny twins: its losses are those of training, its centre is on the plane."""

import dataclasses
import re

import numpy as np
import pytest

from experiments import train, trajectory
from lsgeo import geometry, runs, training

TRAIN = train.Config(
    num_train=40,
    num_test=10,
    depth=1,
    width=4,
    norm="batch",
    learning_rate=0.02,
    max_steps=6,
    loss_levels=(),
    snapshot_steps=(2, 4),
    save_every=0,
)
CONFIG = trajectory.Config(network=TRAIN, resolution=3)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    return trajectory.run(CONFIG, tmp_path_factory.mktemp("trajectory"))


def test_losses_are_those_that_training_kept_and_the_last_points_is_its_planes(walked):
    plain, skip = trajectory.load_trajectories(walked)
    assert (plain["arm"], skip["arm"]) == ("no skip", "skip")
    for found, folder in ((plain, "none"), (skip, "identity")):
        path = walked.path / "train" / folder
        assert found["steps"].tolist() == [0, 2, 4, 6] and found["batch_stats"] == "batch"
        kept = [training.load_checkpoint(path, name) for name in found["names"]]
        np.testing.assert_allclose(found["losses"], [one["loss"] for one in kept], rtol=1e-6)
        np.testing.assert_allclose(found["plane_losses"][-1], kept[-1]["loss"], rtol=1e-6)
        plane = geometry.principal_plane([one["params"] for one in kept])
        np.testing.assert_array_equal(found["coordinates"], plane.coordinates)
        # Off the plane, the loss is another one.
        assert found["errors"][1] > 1e-3 and found["errors"][-1] == 0
        assert abs(found["losses"][1] - found["plane_losses"][1]) > 1e-6


def test_the_surface_reaches_beyond_the_trajectory_by_its_margin(walked):
    for k, found in enumerate(trajectory.load_trajectories(walked)):
        ground, places = walked.load(f"surface_{k}"), found["coordinates"]
        beyond = CONFIG.margin * np.max(np.ptp(places, axis=0))
        for axis, name in enumerate(("xs", "ys")):
            ends = [places[:, axis].min() - beyond, places[:, axis].max() + beyond]
            np.testing.assert_allclose(ground[name][[0, -1]], ends)
        assert ground["values"].shape == (3, 3) and np.all(ground["values"] > 0)
    assert (walked.path / "figures" / "trajectory.svg").read_text().count("<svg") == 1


def test_a_killed_walk_continues_and_one_of_other_weights_is_refused(walked, tmp_path):
    sides = {
        name: str(walked.path / "train" / arm)
        for name, arm in (("run", "none"), ("twin", "identity"))
    }
    config = dataclasses.replace(CONFIG, figure=False, **sides)

    def kill(done, total, text):
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        trajectory.run(config, tmp_path, kill)
    assert len(runs.Run(tmp_path).load("surface_0")["values"]) == 2
    done = trajectory.run(config, tmp_path)
    for name in ("trajectory_0", "trajectory_1", "surface_0", "surface_1"):
        one, other = done.load(name), walked.load(name)
        for entry in one.keys() - {"seconds"}:
            np.testing.assert_array_equal(one[entry], other[entry])
    done.save("trajectory_1", {**done.load("trajectory_1"), "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds trajectory_1 of other weights"):
        trajectory.run(config, tmp_path)


def test_frozen_batch_statistics_belong_to_each_checkpoint_and_to_the_planes_centre(
    walked, tmp_path
):
    config = dataclasses.replace(
        CONFIG,
        run=str(walked.path / "train" / "none"),
        batch_stats="frozen",
        resolution=0,
        figure=False,
    )
    (frozen,) = trajectory.load_trajectories(trajectory.run(config, tmp_path))
    (batch, _) = trajectory.load_trajectories(walked)
    np.testing.assert_allclose(frozen["losses"], batch["losses"], rtol=1e-5)
    assert np.max(np.abs(frozen["plane_losses"] - batch["plane_losses"])[:-1]) > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_stats": "none"}, "Unknown `batch_stats`: 'none'. Choose one of: batch, frozen."),
        ({"resolution": 2}, "`resolution` must be 0 or at least 3; got 2."),
        ({"margin": 0.0}, "`margin` must be positive; got 0.0."),
        ({"twin": "a"}, "`twin` is 'a', but `run` is empty."),
        ({"arms": "plain,ski"}, "Unknown name in `arms`: 'ski'."),
        ({"network": dataclasses.replace(TRAIN, skip="none")}, "`network` has skip='none', which"),
        ({"run": "nowhere"}, "`workdir` nowhere is no run's directory"),
    ],
)
def test_bad_fields_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        trajectory.run(dataclasses.replace(CONFIG, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_a_run_without_checkpoints_along_training_is_refused(tmp_path):
    train.run(dataclasses.replace(TRAIN, snapshot_steps=(), max_steps=2), tmp_path / "short")
    config = dataclasses.replace(CONFIG, run=str(tmp_path / "short"))
    with pytest.raises(ValueError, match="has checkpoints at 2 steps, init, end; a plane needs at"):
        trajectory.run(config, tmp_path / "refused")

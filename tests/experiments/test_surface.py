"""The surface experiment on a tiny network: the centre is the checkpoint's loss, and a kill costs
one row."""

import dataclasses

import numpy as np
import pytest

from experiments import surface, train
from lsgeo import runs, training


class Killed(Exception):
    pass


def killer(after):
    def progress(done, total, text):
        if done == after:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    train.run(_training(), path)
    return path


def _training():
    return train.Config(
        num_train=40, num_test=10, depth=2, width=4, norm="batch", max_steps=3, save_every=0
    )


@pytest.fixture
def config(trained):
    return surface.Config(run=str(trained), resolution=3, planes=2, y_max=0.5, y_min=-0.5)


def test_centre_of_every_plane_is_the_loss_of_the_checkpoint(config, trained, tmp_path):
    done = surface.run(config, tmp_path / "a")
    summary = done.load("summary")
    planes = surface.load_surfaces(done)
    assert [one.values[1, 1] for one in planes] == [summary["centre_loss"]] * 2
    recorded = training.load_checkpoint(trained, "end")["loss"]
    # Another program computed it, in float32.
    np.testing.assert_allclose(summary["centre_loss"], recorded, rtol=1e-5)
    assert not np.array_equal(planes[0].values, planes[1].values)
    assert summary["batch_stats"] == "frozen" and summary["num_examples"] == 40
    assert summary["basin_area"].shape == (2,)


def test_killed_run_continues_with_the_next_row_and_ends_bitwise_the_same(config, tmp_path):
    fresh = surface.run(config, tmp_path / "fresh")
    with pytest.raises(Killed):
        surface.run(config, tmp_path / "killed", progress=killer(after=4))
    cut = runs.Run(tmp_path / "killed")
    assert len(cut.load("plane_1")["values"]) == 1 and not cut.has("summary")
    assert len(surface.load_surfaces(cut)) == 1
    steps = []
    resumed = surface.run(config, tmp_path / "killed", lambda *step: steps.append(step[:2]))
    for one, other in zip(
        surface.load_surfaces(fresh), surface.load_surfaces(resumed), strict=True
    ):
        assert one.values.tobytes() == other.values.tobytes()
    assert steps[-1] == (6, 6)


def test_rows_of_a_network_that_was_trained_again_are_refused(config, trained, tmp_path):
    with pytest.raises(Killed):
        surface.run(config, tmp_path / "run", progress=killer(after=1))
    opened = runs.Run(tmp_path / "run")
    opened.save("plane_0", {**opened.load("plane_0"), "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds plane_0 of other weights"):
        surface.run(config, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 2}, "`resolution` must be at least 3; got 2"),
        ({"planes": 0}, "`planes` must be at least 1; got 0"),
        ({"x_min": 1.0}, "`x_min` must be below `x_max`; got 1.0 and 1.0"),
        ({"run": ""}, "`run` must be the directory of a training run"),
        ({"checkpoint": "best"}, "no checkpoint 'best' in .* there are: init"),
        ({"num_examples": 41}, "`num_examples` must be 0 to 40; got 41"),
    ],
)
def test_bad_fields_are_refused_by_name(config, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        surface.run(dataclasses.replace(config, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()

"""The representations experiment on tiny networks of its own, and on a run."""

import dataclasses
import shutil

import numpy as np
import pytest

from experiments import representations, train
from experiments.representations import _figures, _networks
from lsgeo import runs


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def config():
    tiny = {"num_train": 20, "num_test": 10, "max_steps": 0, "loss_levels": (), "norm": "none"}
    return representations.Config(
        network=train.Config(depth=2, width=4, options="scan=True", **tiny),
        dense_network=train.Config(model="densenet", depth=7, width=2, options="growth=2", **tiny),
        depths=(),
        num_examples=0,
        num_jacobians=3,
    )


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("representations")

    def kill(done, total, text):
        if text.startswith("twin"):
            raise Killed

    with pytest.raises(Killed):
        representations.run(config, path, progress=kill)
    kept = (path / "arrays" / "run.npz").stat().st_mtime_ns
    opened = representations.run(config, path)
    assert (path / "arrays" / "run.npz").stat().st_mtime_ns == kept
    return opened


def test_twins_that_it_trains_are_measured_and_a_killed_run_continues(finished):
    skip, plain = finished.load("run"), finished.load("twin")
    assert (str(skip["arm"]), str(plain["arm"])) == ("skip", "no skip")
    for entry in (skip, plain):
        np.testing.assert_allclose(np.diag(entry["cka"]), 1)
        assert entry["cka"].shape == (3, 3) and entry["alignment"].shape == (2, 2)
        assert entry["singular_values"].shape == (3, 2, 4) and entry["lesion_norms"].shape == (2,)
    np.testing.assert_allclose(plain["lesion_shares"], 1)
    assert (np.abs(skip["lesion_shares"]) > 1e-3).all() and (skip["lesion_norms"] > 0.1).all()
    assert float(skip["forward_depth"]) < 2 and "forward_depth" not in plain
    # The gradient's energy by path length and its cuts are two ways to one mean, but for interference.
    assert float(skip["effective_depth"]) == pytest.approx(float(skip["path_depth"]), abs=0.5)


def test_the_densenet_has_its_connections_and_a_slope_needs_three_depths(finished):
    assert sorted(_figures.strengths(finished, "none")) == [2]
    assert np.isnan(representations.load_slope(finished, "identity")).all()  # Of one depth.
    assert _figures.slope([2, 4, 8], [3.0, 1.5, 0.75]) == pytest.approx((-1, -1, -1))
    dense = finished.load("densenet")
    assert np.isfinite(dense["relative"]).sum(0).tolist() == [1, 2] * 3
    assert np.isfinite(dense["loss_changes"]).sum() == 9 and dense["cka"].shape == (3, 3)
    # At the start every kernel has the mean that is expected of it.
    np.testing.assert_allclose(np.nansum(dense["relative"], 0)[::2], 1, rtol=1e-5)
    text = (finished.path / "figures" / "representations.svg").read_text()
    assert text.count("<svg") == 1


def test_bad_fields_are_refused_before_anything_is_written(config, tmp_path):
    for change, message in (
        ({"num_jacobians": 0}, "`num_examples` must be at least 5 and `num_jacobians`"),
        ({"num_examples": 4}, "`num_examples` must be at least 5"),
        ({"twin": "x"}, "`twin` is 'x', but there is no `run`"),
    ):
        with pytest.raises(ValueError, match=message):
            representations.run(dataclasses.replace(config, **change), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_jobs_are_twins_other_depths_and_a_densenet_or_the_runs_that_are_given(config, tmp_path):
    jobs = _networks.jobs(dataclasses.replace(config, depths=(2, 5)), tmp_path)
    assert list(jobs) == ["run", "twin", "depth_identity_5", "depth_none_5", "densenet"]
    assert [(c.skip, c.depth) for _, c in jobs.values()][2:4] == [("identity", 5), ("none", 5)]
    given = dataclasses.replace(config, run="a", densenet="b")
    assert _networks.jobs(given, tmp_path) == {"run": ("a", None), "densenet": ("b", None)}


def test_other_weights_in_a_directory_are_refused(finished, config, tmp_path):
    shutil.copytree(finished.path, tmp_path / "copy")
    opened = runs.Run(tmp_path / "copy")
    opened.save("run", {**opened.load("run"), "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds run of other weights"):
        representations.run(config, opened.path)

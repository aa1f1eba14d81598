"""Paths between two tiny networks: the ends are the checkpoints, and a second run measures nothing."""

import dataclasses

import numpy as np
import pytest

from experiments import connectivity, train
from experiments.connectivity import _paths
from lsgeo import runs, training


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    paths = [tmp_path_factory.mktemp("run") for _ in range(2)]
    for seed, path in enumerate(paths):
        train.run(_training(seed), path)
    return connectivity.Config(
        run=str(paths[0]),
        other=str(paths[1]),
        num_starts=2,
        curve_steps=3,
        batch_size=10,
        num_pivots=1,
        band_steps=2,
        num_points=3,
        curvature_points=2,
    )


def _training(seed, **options):
    return train.Config(
        num_train=40,
        num_test=10,
        depth=1,
        width=4,
        norm="batch",
        max_steps=3,
        save_every=0,
        seed=seed,
        **options,
    )


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    return connectivity.run(config, tmp_path_factory.mktemp("paths"))


@pytest.mark.parametrize("name", _paths.PATHS)
def test_both_ends_of_every_path_have_the_losses_of_the_checkpoints(config, finished, name):
    # Matched or not: the permuted network is the same function.
    losses = [training.load_checkpoint(path, "end")["loss"] for path in (config.run, config.other)]
    barrier = _paths.load_barrier(finished, name)
    # Another program computed them, in float32.
    np.testing.assert_allclose(barrier.losses[[0, -1]], losses, rtol=1e-4)
    assert barrier.above_mean == finished.load(name)["above_mean"]


def test_matching_brings_the_networks_closer_and_the_curvature_is_that_of_two_points(finished):
    matching = finished.load("matching")
    assert matching["distance"] < matching["distance_before"]
    np.testing.assert_array_equal(np.sort(matching["permutations"]), np.arange(4))
    line = _paths.load_barrier(finished, "line_matched")
    np.testing.assert_allclose(line.distance, matching["distance"], rtol=1e-5)
    curvature = _paths.load_curvature(finished)
    assert curvature.ts.tolist() == [0, 1] and (curvature.highest > curvature.lowest).all()
    assert (finished.path / "figures/connectivity.svg").stat().st_size > 10_000


def test_units_can_be_matched_by_their_activations_and_stay_the_same_function(config, tmp_path):
    by = dataclasses.replace(config, matching="activations", curve_steps=0, band_steps=1)
    barrier = _paths.load_barrier(connectivity.run(by, tmp_path), "line_matched")
    loss = training.load_checkpoint(config.other, "end")["loss"]
    np.testing.assert_allclose(barrier.losses[-1], loss, rtol=1e-4)


def test_second_run_measures_nothing_and_other_weights_are_refused(config, finished):
    arrays = finished.path / "arrays"
    before = {path.name: path.stat().st_mtime_ns for path in arrays.iterdir()}
    connectivity.run(config, finished.path)
    assert before == {path.name: path.stat().st_mtime_ns for path in arrays.iterdir()}
    opened = runs.Run(finished.path)
    kept = opened.load("line")
    opened.save("line", {**kept, "network_sha256": "others"})
    with pytest.raises(ValueError, match="holds line of other weights"):
        connectivity.run(config, finished.path)
    opened.save("line", kept)


def test_runs_that_are_no_twins_of_another_seed_are_refused(config, tmp_path):
    with pytest.raises(ValueError, match="`other` must be the directory of a training run"):
        connectivity.run(dataclasses.replace(config, other=""), tmp_path / "x")
    with pytest.raises(ValueError, match="`run` and `other` have the same seed, 0"):
        connectivity.run(dataclasses.replace(config, other=config.run), tmp_path / "x")
    with pytest.raises(
        ValueError, match="`matching` must be 'weights' or 'activations'; got 'units'"
    ):
        connectivity.run(dataclasses.replace(config, matching="units"), tmp_path / "x")
    runs.open_run(tmp_path / "wider", dataclasses.replace(_training(1), width=8))
    with pytest.raises(ValueError, match="`width` is 4 in .* and 8 in"):
        connectivity.run(dataclasses.replace(config, other=str(tmp_path / "wider")), tmp_path / "x")
    assert not (tmp_path / "x").exists()

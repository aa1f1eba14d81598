"""Terrain and curvature map of tiny twins: what is measured, the same directions, resumed, drawn, refused."""

import csv
import dataclasses

import jax
import numpy as np
import pytest

from experiments import curvature_map, terrain, train
from experiments.common.network import load_network
from experiments.terrain import _figures, _networks, _planes
from lsgeo import geometry, plotting, runs

TINY = train.Config(
    num_train=40, num_test=10, depth=1, width=4, skip="scaled", norm="none", max_steps=2
)
TINY = dataclasses.replace(TINY, loss_levels=(), save_every=0)
CONFIG = terrain.Config(
    network=TINY, num_seeds=1, planes=2, resolution=5, windows=(3,), num_fields=3, num_examples=30
)
CONFIG = dataclasses.replace(CONFIG, steps=(0.01, 0.1))


class Killed(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def panels():
    """Titles of every figure's panels: writing one takes seconds, and `save_svg` has its own tests."""
    saved = {}

    def save(figure, path):
        saved[path.name] = [ax.get_title() for ax in figure.axes]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting, "save_svg", save)
        yield saved


@pytest.fixture(scope="module")
def measured(tmp_path_factory, panels):
    return terrain.run(CONFIG, tmp_path_factory.mktemp("terrain"))


@pytest.fixture(scope="module")
def map_config(measured):
    run = str(measured.path / "train" / "twins_0")
    return curvature_map.Config(run=run, num_examples=30, x_points=2, y_points=2)


def test_a_plane_is_that_of_the_library_and_its_figures_are_those_of_the_table(measured, panels):
    network = load_network(measured.path / "train" / "runs_0", "end", 30)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 1)
    directions = geometry.filter_normalized_directions(network.params, key=jax.random.split(key)[0])
    xs = np.linspace(-1, 1, 5)
    plane = geometry.surface(network.loss, network.params, network.batch, directions, xs=xs, ys=xs)
    entry = measured.load("runs_0_plane_1")
    np.testing.assert_array_equal(entry["values"], plane.values)
    assert entry["values"][2, 2] == np.float32(measured.load("runs_0")["loss"])
    tree = geometry.merge_tree(plane)
    np.testing.assert_array_equal(_figures.tree_of(entry).deaths, tree.deaths)
    with open(measured.path / "table.csv", encoding="utf-8") as file:
        rows = {(row["figure"], row["networks"]): row for row in csv.DictReader(file)}
    assert len(rows) == 9 * 3
    means = {}
    for side, arm in zip(_networks.SIDES, ("scaled skip", "no skip"), strict=True):
        entries = [measured.load(f"{side}_0_plane_{p}") for p in range(2)]
        means[arm] = np.mean([e["basin_area"] for e in entries])
        bounds = [str(sum(e["radius_censored"] for e in entries)), "0"]
        found = [rows[figure, arm]["num_censored"] for figure in ("convexity_radius", "basin_area")]
        assert found == bounds
        row = rows["basin_area", arm]
        np.testing.assert_allclose(float(row["value"]), means[arm])
        assert (row["lower"], row["upper"], row["num_values"]) == ("0.0", "1.0", "2")
    for figure in {figure for figure, _ in rows}:
        arms = [float(rows[figure, arm]["value"]) for arm in means]
        difference = float(rows[figure, "scaled skip - no skip"]["value"])
        np.testing.assert_allclose(difference, arms[0] - arms[1], rtol=1e-9, atol=1e-12)
    both = rows["convexity_radius", "scaled skip - no skip"]["num_censored"]
    arms = [rows["convexity_radius", arm]["num_censored"] for arm in means]
    assert int(both) == sum(map(int, arms)) > 0
    assert {f"convexity radius\nat least: {both} reach the edge", "roughness, 3 points"} < set(
        panels["terrain.svg"]
    )
    assert [title.split(":")[0] for title in panels["minima.svg"][:2]] == ["scaled skip", "no skip"]


def test_under_squared_error_no_area_is_called_better_than_chance(measured):
    network = load_network(measured.path / "train" / "runs_0", "end", 30)
    assert network.chance_loss == np.log(10)
    squared = dataclasses.replace(network.config, loss="squared_error")
    network = dataclasses.replace(network, config=squared)
    entry = _planes.plane(CONFIG, network, 0, 0)
    assert np.isnan(entry["basin_area"]) and np.isfinite(entry["hull_deficit"])


def test_a_killed_run_continues_with_given_networks_and_other_weights_are_refused(
    measured, tmp_path
):
    def kill(done, total, text):
        if done == 2:
            raise Killed

    paths = {side: str(measured.path / "train" / f"{side}_0") for side in _networks.SIDES}
    given = dataclasses.replace(CONFIG, **paths)
    with pytest.raises(Killed):
        terrain.run(given, tmp_path, kill)
    first = tmp_path / "arrays" / "runs_0_plane_1.npz"
    before = first.stat().st_mtime_ns
    done = terrain.run(given, tmp_path)
    assert first.stat().st_mtime_ns == before
    jax.tree.map(np.testing.assert_array_equal, done.load("summary"), measured.load("summary"))
    for fields, text in (
        ({"twins": given.runs}, "are both networks with 'scaled skip'"),
        (
            {"runs": f"{given.runs},{given.twins}", "twins": ""},
            "`runs` are networks of several kinds",
        ),
    ):
        with pytest.raises(ValueError, match=text):
            terrain.run(dataclasses.replace(given, **fields), tmp_path / "a")
        assert not (tmp_path / "a").exists()
    done.save("twins_0", {**done.load("twins_0"), "network_sha256": "another"})
    with pytest.raises(ValueError, match="holds twins_0 of other weights"):
        terrain.run(given, tmp_path)


def test_a_killed_map_continues_with_the_points_of_the_plane(map_config, panels, tmp_path):
    def kill(done, total, text):
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        curvature_map.run(map_config, tmp_path, kill)
    with pytest.raises(ValueError, match="holds 1 of 2 rows of 'run'"):
        curvature_map.load_map(runs.Run(tmp_path), "run")
    steps = []
    opened = curvature_map.run(map_config, tmp_path, lambda done, *_: steps.append(done))
    assert steps == [2, 3, 4]
    found = curvature_map.load_map(opened, "run")
    network = load_network(map_config.run, "end", 30)
    directions = geometry.filter_normalized_directions(
        network.params, key=jax.random.split(jax.random.key(0))[0]
    )
    point = jax.tree.map(lambda w, dx, dy: w + 0.5 * dx - 0.5 * dy, network.params, *directions)
    np.testing.assert_allclose(found.losses[0, 1], network.loss(point, network.batch), rtol=1e-5)
    assert found.converged.all() and np.all(found.lowest < found.highest)
    assert panels["curvature_map.svg"][0].startswith("no skip")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"planes": 0}, "`planes` must be at least 1; got 0"),
        ({"resolution": 3, "windows": (3, 5)}, "`resolution` must be at least 5; got 3"),
        ({"extent": -1.0}, "`extent` must be positive and finite; got -1.0"),
        ({"runs": "a,b", "twins": "c"}, "`runs` and `twins` must be pairs; got 2 and 1"),
        ({"twins": "c"}, "`runs` and `twins` must be pairs; got 0 and 1"),
        ({"twin_skip": "scaled"}, "`twin_skip` is the skip of `network` itself"),
        ({"test": "hull"}, "Unknown `test`: 'hull'"),
        ({"windows": (4,)}, "`windows` must hold odd numbers"),
        ({"threshold": 0.0}, "`threshold` must be positive"),
        ({"steps": (0.1, 0.0)}, "`steps` must be positive and finite"),
        ({"neighbours": 6}, "`neighbours` must be 4 or 8"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(fields, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        terrain.run(dataclasses.replace(CONFIG, **fields), tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"x_points": 1}, "`x_points` must be at least 2; got 1"),
        ({"y_min": 2.0}, "`y_min` must be below `y_max`; got 2.0 and 0.5"),
        ({"tol": 0.0}, "`tol` must lie strictly between 0 and 1"),
        ({"run": ""}, "`run` must be the directory of a training run"),
    ],
)
def test_a_map_refuses_bad_fields_before_anything_is_written(map_config, fields, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        curvature_map.run(dataclasses.replace(map_config, **fields), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    same = dataclasses.replace(map_config, twin=map_config.run)
    with pytest.raises(ValueError, match="`run` and `twin` are both networks with 'no skip'"):
        curvature_map.run(same, tmp_path / "a")

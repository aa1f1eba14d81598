"""The surface experiment on a tiny network: the centre is the checkpoint's loss, and a kill costs
one row."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from experiments import surface, train
from experiments.common.network import load_network
from experiments.surface import _layouts
from experiments.surface._side import Side
from lsgeo import plotting, runs, training


class Killed(Exception):
    pass


def killer(after):
    def progress(done, total, text):
        if done == after:
            raise Killed

    return progress


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    @functools.cache
    def path(**options):
        place = tmp_path_factory.mktemp("run")
        train.run(_training(**options), place)
        return place

    return path


@pytest.fixture(scope="module")
def trained(network):
    return network()


def _training(**options):
    return train.Config(
        num_train=40,
        num_test=10,
        depth=2,
        width=4,
        norm="batch",
        max_steps=3,
        save_every=0,
        **options,
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


def test_an_unfinished_grid_of_another_configuration_is_refused(config, tmp_path):
    with pytest.raises(Killed):
        surface.run(config, tmp_path / "run", progress=killer(after=1))
    with pytest.raises(ValueError, match="ny"):
        surface.run(dataclasses.replace(config, ny=5), tmp_path / "run")


def test_twins_share_a_figure_and_each_has_its_own_centre_on_a_rectangular_grid(
    config, network, tmp_path
):
    twin = network(skip="none")
    config = dataclasses.replace(config, twin=str(twin), nx=5, ny=3, figure=True)
    done = surface.run(config, tmp_path / "run")
    for prefix in ("", "twin_"):
        summary = done.load(f"{prefix}summary")
        for plane in surface.load_surfaces(done, prefix):
            assert plane.values.shape == (3, 5) and plane.values[1, 2] == summary["centre_loss"]
        largest = [plane.values.max() for plane in surface.load_surfaces(done, prefix)]
        np.testing.assert_array_equal(summary["max_loss"], largest)
        # Student's interval of two values: their mean, and 12.706 times half their difference.
        half = 12.7062047 * abs(largest[0] - largest[1]) / 2
        np.testing.assert_allclose(summary["max_loss_upper"], np.mean(largest) + half, rtol=1e-6)
    assert done.load("twin_summary")["arm"] == "no skip"
    drawings = sorted(path.name for path in (tmp_path / "run" / "figures").iterdir())
    assert drawings == ["surface_0.svg", "surface_1.svg"]


def test_the_line_to_another_network_ends_at_its_loss_in_batch_mode(config, network, tmp_path):
    other = network(seed=1)
    config = dataclasses.replace(
        config, directions="other", other=str(other), dimensions=1, x_min=0.0, batch_stats="batch"
    )
    done = surface.run(dataclasses.replace(config, figure=True), tmp_path / "run")
    (line,) = surface.load_lines(done)
    assert line.axes[0].tolist() == [0.0, 0.5, 1.0] and done.load("line_0")["points"][1] == 1
    # Both checkpoints keep statistics of all examples, so that evaluation is batch mode to rounding.
    for place, path in ((0, config.run), (2, other)):
        expected = training.load_checkpoint(path, "end")["loss"]
        np.testing.assert_allclose(line.values[place], expected, rtol=1e-4)
    summary = done.load("summary")
    assert summary["batch_stats"] == "batch" and np.isnan(summary["max_loss_upper"])
    assert (tmp_path / "run" / "figures" / "lines.svg").exists()


def test_a_plane_through_three_networks_has_them_at_its_points(config, network, tmp_path):
    others = {"other": str(network(seed=1)), "third": str(network(seed=2))}
    config = dataclasses.replace(config, directions="three", batch_stats="batch", **others)
    done = surface.run(config, tmp_path / "run")
    points = done.load("plane_0")["points"]
    assert points[:2].round(6).tolist() == [[0, 0], [1, 0]] and points[2, 1] > 0
    (plane,) = surface.load_surfaces(done)
    expected = [training.load_checkpoint(p, "end")["loss"] for p in (config.run, config.other)]
    np.testing.assert_allclose(plane.values[1, 1:], expected, rtol=1e-4)


def test_the_plane_of_a_trajectory_of_three_holds_all_of_them_at_their_points(config, network):
    run = str(network(snapshot_steps=(1,)))
    config = dataclasses.replace(config, run=run, directions="pca")
    loaded, found = load_network(run, "init"), Side(config, run, "").others
    (layout,) = _layouts.layouts(config, loaded, loaded.loss, found)
    np.testing.assert_allclose(np.linalg.norm(layout.points, axis=1).max(), 1)
    for (x, y), params in zip(layout.points[1:], found, strict=True):
        moved = jax.tree.map(
            lambda w, a, b, x=x, y=y: w + float(x) * a + float(y) * b,
            loaded.params,
            *layout.directions,
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), moved, params)


def test_each_twin_is_drawn_with_its_own_trajectory(config, network, tmp_path, monkeypatch):
    drawn, twin = [], network(skip="none", snapshot_steps=(1,))
    monkeypatch.setattr(plotting, "save_svg", lambda figure, path: drawn.extend(figure.axes[:2]))
    run = str(network(snapshot_steps=(1,)))
    config = dataclasses.replace(config, run=run, twin=str(twin), directions="pca", figure=True)
    done = surface.run(dataclasses.replace(config, y_min=-1.0, y_max=1.0), tmp_path)
    for prefix, ax in zip(("", "twin_"), drawn, strict=True):
        circles = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
        places = done.load(f"{prefix}plane_0")["points"][1:]
        np.testing.assert_allclose(circles, [at for at in places if np.abs(at).max() <= 1])


def test_planes_of_eigenvectors_hold_the_kth_highest_and_lowest_and_lines_take_turns(
    config, monkeypatch
):
    values = np.array([-3.0, -2.0, 7.0, 8.0])

    def pairs(*problem, key, top, bottom):
        del problem, key
        kept = np.concatenate([values[:bottom], values[len(values) - top :]])
        order = [*kept[::-1][:top], *kept[:bottom]]
        return order, _Pairs(kept, 0 * kept)

    monkeypatch.setattr(_layouts.geometry, "eigenvector_directions", pairs)
    loaded = load_network(config.run, "end")
    for dimensions, planes, expected in (
        (2, 2, [(8, -3), (7, -2)]),
        (1, 3, [(8,), (-3,), (7,)]),
    ):
        changed = dataclasses.replace(
            config, directions="eigenvectors", dimensions=dimensions, planes=planes
        )
        found = _layouts.layouts(changed, loaded, loaded.loss, [])
        assert [one.directions for one in found] == expected
        assert [tuple(one.facts["eigenvalues"]) for one in found] == expected


@dataclasses.dataclass
class _Pairs:
    values: np.ndarray
    residuals: np.ndarray


def test_second_directions_of_the_gradient_are_random_at_right_angles_and_as_long(config):
    loaded = load_network(config.run, "end")
    config = dataclasses.replace(config, directions="gradient")
    one, other = _layouts.layouts(config, loaded, loaded.loss, [])
    for layout in (one, other):
        along, aside = (_flat(direction) for direction in layout.directions)
        assert np.linalg.norm(along) == pytest.approx(1, rel=1e-5)
        assert np.linalg.norm(aside) == pytest.approx(1, rel=1e-5)
        assert abs(along @ aside) < 1e-6
    assert not np.allclose(_flat(one.directions[1]), _flat(other.directions[1]))


def _flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).astype(float)


def test_re_estimated_statistics_are_those_of_the_point_and_frozen_ones_are_not(config):
    loaded = load_network(config.run, "end")
    moved = jax.tree.map(lambda leaf: 3 * leaf, loaded.params)
    found = {
        policy: float(_layouts.policy_loss(loaded, policy)(moved, loaded.batch))
        for policy in _layouts.POLICIES
    }
    np.testing.assert_allclose(found["re-estimated"], found["batch"], rtol=1e-5)
    assert abs(found["frozen"] - found["batch"]) > 1e-2 * found["batch"]


@pytest.mark.parametrize("policy", ["batch", "re-estimated"])
def test_a_batch_norm_policy_is_refused_without_batch_norm(config, policy):
    loaded = dataclasses.replace(load_network(config.run, "end"), constants={})
    with pytest.raises(ValueError, match=rf"`batch_stats` is '{policy}', but this network has no"):
        _layouts.policy_loss(loaded, policy)
    assert _layouts.policy_loss(loaded, "frozen") is not None


def test_a_network_of_another_architecture_is_refused(config):
    loaded = load_network(config.run, "end")
    wide = jax.tree.map(lambda leaf: np.zeros([2 * n for n in leaf.shape]), loaded.params)
    config = dataclasses.replace(config, directions="other")
    with pytest.raises(ValueError, match="`params` and `other` must be parameters of one network"):
        _layouts.layouts(config, loaded, loaded.loss, [wide])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 2}, "`resolution` must be at least 3; got 2"),
        ({"planes": 0}, "`planes` must be at least 1; got 0"),
        ({"x_min": 1.0}, "`x_min` must be below `x_max`; got 1.0 and 1.0"),
        ({"ny": 2}, "`ny` must be at least 3, or 0"),
        ({"chunk": 0}, "`chunk` must be at least 1"),
        ({"dimensions": 3}, "`dimensions` must be 1 or 2; got 3"),
        ({"directions": "cube"}, "Unknown `directions`: 'cube'. Choose one of: filter"),
        ({"batch_stats": "train"}, "Unknown `batch_stats`: 'train'. Choose one of: frozen"),
        ({"small_leaves": "drop"}, "Unknown `small_leaves`"),
        ({"other": "runs/b"}, "`other` is 'runs/b', and `directions` is 'filter'"),
        ({"directions": "three", "other": "runs/b"}, "`third` is '', and `directions` is 'three'"),
        ({"directions": "other", "other": "b", "twin": "c"}, "`twin` cannot be on a plane"),
        (
            {"directions": "three", "other": "b", "third": "c", "dimensions": 1},
            "`dimensions` must be 2",
        ),
        ({"run": ""}, "`run` must be the directory of a training run"),
        ({"checkpoint": "best"}, "no checkpoint 'best' in .* there are: init"),
        ({"num_examples": 41}, "`num_examples` must be 0 to 40; got 41"),
    ],
)
def test_bad_fields_are_refused_by_name(config, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        surface.run(dataclasses.replace(config, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()

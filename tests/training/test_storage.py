"""Checkpoints and resume states: what is written comes back bit for bit, damage is refused."""

import logging
import pathlib

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from lsgeo.training import (
    Recipe,
    checkpoints,
    delete_states,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
    start,
)

PARAMS = {"a": {"kernel": np.arange(6.0).reshape(2, 3)}, "b": np.float32([0.1, 0.2])}
STATS = {"norm": {"mean": np.full(3, 0.3)}}


def save(path, name, params=PARAMS, stats=STATS):
    save_checkpoint(path, name, params=params, batch_stats=stats, step=7, loss=0.1)


def test_checkpoints_come_back_bit_for_bit_and_are_listed_in_order(tmp_path, caplog):
    assert checkpoints(tmp_path) == []
    with caplog.at_level(logging.INFO):
        for name in ("end", "loss_0.1", "init", "loss_10.0", "loss_0.5"):
            save(tmp_path, name)
    assert not caplog.records
    (tmp_path / "checkpoints" / "end2.orbax-checkpoint-tmp").mkdir()  # What a kill leaves.
    assert checkpoints(tmp_path) == ["init", "loss_10.0", "loss_0.5", "loss_0.1", "end"]
    stored = load_checkpoint(tmp_path, "init")
    assert (stored["step"], stored["loss"]) == (7, 0.1)
    assert stored["params"]["b"].dtype == np.float32
    jax.tree.map(np.testing.assert_array_equal, stored["params"], PARAMS)
    jax.tree.map(np.testing.assert_array_equal, stored["batch_stats"], STATS)


def test_a_checkpoint_without_statistics_has_empty_ones_and_is_replaced_by_a_newer(tmp_path):
    save(tmp_path, "end")
    save(tmp_path, "end", params={"b": np.ones(2)}, stats={})
    stored = load_checkpoint(tmp_path, "end")
    assert stored["batch_stats"] == {} and list(stored["params"]) == ["b"]


def test_missing_damaged_and_diverged_checkpoints_are_refused(tmp_path):
    save(tmp_path, "init")
    with pytest.raises(ValueError, match=r"There is no checkpoint 'end' in .*; there are: init."):
        load_checkpoint(tmp_path, "end")
    save(tmp_path, "end", params={"a": {"kernel": np.array([1.0, np.nan])}, "b": np.ones(2)})
    with pytest.raises(
        ValueError, match=r"The parameter a/kernel of .*end has values that are not"
    ):
        load_checkpoint(tmp_path, "end")
    for path in (tmp_path / "checkpoints" / "init").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(ValueError, match=r"init is damaged .*Delete it and run"):
        load_checkpoint(tmp_path, "init")


def full(handler, directory):
    raise OSError("No space left on device")


@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_an_interrupted_write_leaves_the_last_good_checkpoint(moment, tmp_path, monkeypatch):
    save(tmp_path, "end")
    newer = {"a": {"kernel": np.ones((2, 3))}, "b": np.ones(2)}
    with monkeypatch.context() as patch:
        if moment == "writing":
            patch.setattr(ocp.PyTreeCheckpointHandler, "finalize", full)
        else:  # The older one has made room, and the newer one has not come yet.
            rename = pathlib.Path.rename

            def killed(path, target):
                if str(target).endswith("end"):
                    raise OSError("killed")
                return rename(path, target)

            patch.setattr(pathlib.Path, "rename", killed)
        with pytest.raises(OSError, match="No space left|killed"):
            save(tmp_path, "end", params=newer)
    assert checkpoints(tmp_path) == ["end"]
    jax.tree.map(np.testing.assert_array_equal, load_checkpoint(tmp_path, "end")["params"], PARAMS)
    save(tmp_path, "end", params=newer)
    jax.tree.map(np.testing.assert_array_equal, load_checkpoint(tmp_path, "end")["params"], newer)
    assert checkpoints(tmp_path) == ["end"]


def test_an_interrupted_state_leaves_the_last_good_one(tmp_path, monkeypatch):
    state = start(PARAMS, Recipe())
    state.step = 4
    save_state(tmp_path, state)
    with monkeypatch.context() as patch:
        patch.setattr(ocp.PyTreeCheckpointHandler, "finalize", full)
        state.step = 8
        with pytest.raises(OSError, match="No space left"):
            save_state(tmp_path, state)
    assert load_state(tmp_path, start(PARAMS, Recipe())).step == 4


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"a": {"kernel": np.ones((3, 2))}, "b": np.ones(2)},
            r"a/kernel is \[2, 3\] there and \[3, 2\]",
        ),
        ({"a": {"kernel": np.ones((2, 3))}}, r"b is \[2\] there and missing here"),
        ({"c": np.ones(4), **PARAMS}, r"c is missing there and \[4\] here"),
    ],
    ids=["shape", "more", "less"],
)
def test_checkpoints_of_another_architecture_are_refused_and_both_sides_named(
    params, text, tmp_path
):
    save(tmp_path, "end")
    shapes = jax.eval_shape(lambda: jax.tree.map(jax.numpy.asarray, params))
    with pytest.raises(ValueError, match=r"end is of another architecture or recipe: " + text):
        load_checkpoint(tmp_path, "end", like=shapes)
    load_checkpoint(tmp_path, "end", like=PARAMS)


def test_states_of_another_architecture_or_recipe_are_refused_and_both_sides_named(tmp_path):
    save_state(tmp_path, start(PARAMS, Recipe(optimizer="momentum")))
    other = {"a": {"kernel": np.zeros((3, 2))}, "b": PARAMS["b"]}  # As many numbers.
    with pytest.raises(
        ValueError,
        match=r"opt_state/trace/a/kernel is float64 \[2, 3\] there and float64 \[3, 2\] h",
    ):
        load_state(tmp_path, start(other, Recipe(optimizer="momentum")))
    with pytest.raises(ValueError, match="average/a/kernel is missing there and float64"):
        load_state(tmp_path, start(PARAMS, Recipe(optimizer="momentum", ema=0.9)))


def test_further_collections_come_back_and_the_names_have_an_order(tmp_path):
    gates = {"block": {"gate": np.float32(0.5)}}
    save_checkpoint(tmp_path, "end", params=PARAMS, batch_stats={}, step=1, loss=0.5, gates=gates)
    assert load_checkpoint(tmp_path, "end")["gates"]["block"]["gate"] == np.float32(0.5)
    recipe = Recipe(ema=0.9, snapshot_steps=(10, 9), snapshot_epochs=(10, 9), loss_levels=(0.1, 1))
    for name in sorted(recipe.snapshot_names):
        (tmp_path / "checkpoints" / name).mkdir(exist_ok=True)
    assert checkpoints(tmp_path) == list(recipe.snapshot_names)


@pytest.mark.parametrize(("optimizer", "levels"), [("adam", (1.0, 0.5)), ("sgd", ())])
def test_resume_states_come_back_bit_for_bit_and_only_the_newest_stays(tmp_path, optimizer, levels):
    recipe = Recipe(optimizer=optimizer, loss_levels=levels)
    state = start(PARAMS, recipe)
    assert load_state(tmp_path, state) is None
    for state.step, state.reached in ((4, [-1, -1]), (8, [5, -1])):
        state.reached = state.reached[: len(levels)]
        save_state(tmp_path, state)
    assert [path.name for path in (tmp_path / "resume").iterdir()] == ["8"]
    stored = load_state(tmp_path, start(PARAMS, recipe))
    assert (stored.step, stored.reached) == (8, state.reached)
    for mine, theirs in ((state.params, stored.params), (state.opt_state, stored.opt_state)):
        assert jax.tree.structure(mine) == jax.tree.structure(theirs)
        jax.tree.map(np.testing.assert_array_equal, mine, theirs)
    delete_states(tmp_path)
    assert load_state(tmp_path, state) is None

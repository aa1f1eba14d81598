"""The escape experiment on tiny networks: what is stored, compared, resumed, drawn and refused."""

import dataclasses

import numpy as np
import pytest

from experiments import escape
from lsgeo import geometry

TINY = escape.Config(
    arms="plain,residual",
    starts=("plateau",),
    depth=2,
    width=3,
    num_train=60,
    pool=4,
    num_seeds=3,
    momenta=(0.9,),
    batch_sizes=(8,),
    num_steps=300,
    every=50,
    plateau_rate=0.1,
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    # Killed before the last kind of training, and continued.
    path = tmp_path_factory.mktemp("escape")

    def kill(done, total, text):
        if (done, total) == (1, 2):
            raise Killed

    with pytest.raises(Killed):
        escape.run(TINY, path, progress=kill)
    first = path / "arrays" / "plateau_plain_sgd8_0.9.npz"
    before = first.stat().st_mtime_ns
    found = escape.run(TINY, path)
    assert first.stat().st_mtime_ns == before
    return found


def test_a_dead_layer_traps_the_plain_twin_alone_and_the_entry_says_how_sure_that_is(measured):
    plain = measured.load("plateau_plain_sgd8_0.9")
    other = measured.load("plateau_residual_sgd8_0.9")
    assert plain["rate"] == 0 and other["rate"] == 1
    assert (plain["lower"], plain["upper"]) == pytest.approx((0, 1 - 0.025 ** (1 / 3)))
    assert (
        other["difference"] == 1 and 0 < other["lower_difference"] < 1 == other["upper_difference"]
    )
    # Three of three against none of three: the rates' own intervals still overlap.
    assert other["overlap"] and "difference" not in plain
    assert plain["barriers"].size == 0 and np.all(other["barriers"] >= 0)


def test_twins_start_at_one_loss_and_what_was_stored_reads_back(measured):
    plain, other = (measured.load(f"plateau_{arm}") for arm in ("plain", "residual"))
    # The plateau ends somewhere, so that it is no minimum either.
    assert (plain["kind"], other["kind"]) == ("undecided", "not critical")
    np.testing.assert_allclose([plain["loss"], other["loss"]], np.log(2), rtol=1e-2)
    assert plain["loss"] == other["loss"] > plain["linear_loss"] > 0
    found = escape.load_escapes(measured, "plateau_plain_sgd8_0.9")
    assert isinstance(found, geometry.Escapes)
    np.testing.assert_allclose(found.losses[:, 0], plain["loss"], rtol=1e-5)
    np.testing.assert_allclose(found.thresholds, 0.9 * found.losses[:, 0])
    assert "<svg" in (measured.path / "figures" / "escape_sgd8.svg").read_text()


def test_a_run_that_has_ended_is_read_and_nothing_is_run(measured, monkeypatch, capsys):
    monkeypatch.setattr(geometry, "escape", None)
    escape.run(TINY, measured.path, progress=lambda *_: None)
    text = capsys.readouterr().out
    assert "dead layer, no skip: undecided" in text and "3 of 3 runs escaped" in text
    with pytest.raises(ValueError, match="belongs to another configuration: `num_seeds` is 3"):
        escape.run(dataclasses.replace(TINY, num_seeds=4), measured.path)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"arms": "plain"}, "`arms` must name at least two"),
        ({"starts": ("maximum",)}, "`starts`: 'maximum'. Choose from: minimum, plateau, saddle"),
        ({"momenta": ()}, "`momenta` must name at least one"),
        ({"momenta": (1.0,)}, "`momenta` must be at least 0 and below 1; got 1.0"),
        ({"saddle_rate": 0.0}, "`saddle_rate` must be positive; got 0.0"),
        ({"modulo": 1}, "`modulo` must be 0, or at least 2; got 1"),
        ({"pool": 3}, "`pool` is 3, which does not divide inputs of shape (8, 8, 1)"),
        ({"pool": 1}, "tells all examples of `batch` apart"),
        ({"num_steps": 70}, "`num_steps` 70 must be a multiple of `every`, 50"),
        ({"dataset": "chebyshev"}, "is a regression"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(fields, text, tmp_path):
    with pytest.raises(ValueError) as caught:
        escape.run(dataclasses.replace(TINY, **fields), tmp_path / "a")
    assert text in str(caught.value) and not (tmp_path / "a").exists()

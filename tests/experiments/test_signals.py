import numpy as np
import pytest

from experiments import signals
from lsgeo import runs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = signals.Config(depths=(2, 3), width=16, skips=("none", "identity"), num_seeds=2)
    config.num_examples = 12
    return config, signals.run(config, tmp_path_factory.mktemp("signals"))


def test_every_network_is_measured_for_every_seed(finished):
    config, opened = finished
    for skip in config.skips:
        for depth in config.depths:
            entry = opened.load(f"{skip}_{depth}")
            assert entry["kernels"].shape == (2, depth)
            for metric in signals.PANELS:
                assert entry[metric].shape == (2,)
                assert np.isfinite(entry[metric]).all()
            ratio = entry["kernels"][:, 0] / entry["kernels"][:, -1]
            np.testing.assert_allclose(entry["gradient_ratio"], ratio)
            assert (entry["moment_ratio"] >= 1).all()
    assert (opened.path / "figures/signals.svg").stat().st_size > 10_000


def test_a_second_run_measures_nothing_again(finished):
    config, opened = finished
    before = {p.name: p.stat().st_mtime_ns for p in (opened.path / "arrays").iterdir()}
    again = runs.open_run(opened.path, config)
    signals.run(config, again.path)
    assert before == {p.name: p.stat().st_mtime_ns for p in (opened.path / "arrays").iterdir()}


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("depths", (), "`depths` must not be empty"),
        ("depths", (1, 2), "`depths` must be at least 2"),
        ("skips", ("none", "identitty"), "Unknown skip: 'identitty'. Choose one of: attention"),
        ("num_seeds", 0, "`num_seeds` must be at least 1"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(field, value, text, tmp_path):
    config = signals.Config()
    setattr(config, field, value)
    with pytest.raises(ValueError, match=text):
        signals.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_skip_type_that_no_arm_has_is_measured_and_drawn_under_its_own_name(tmp_path):
    config = signals.Config(
        depths=(2,), width=8, skips=("none", "gated(gate=0.5)"), num_seeds=1, num_examples=8
    )
    opened = signals.run(config, tmp_path)
    assert opened.has("gated(gate=0.5)_2")
    drawn = (tmp_path / "figures/signals.svg").read_text(encoding="utf-8")
    assert "no skip" in drawn and "gated(gate=0.5)" in drawn


def test_a_change_that_no_block_has_says_why_and_everything_else_is_measured(tmp_path):
    config = signals.Config(model="resnet", depths=(8,), width=4, skips=("identity",), num_seeds=2)
    opened = signals.run(config, tmp_path)
    found = opened.load("identity_8")
    assert np.isnan(found["change"]).all() and not found["applies"].any()
    assert "no block behind the first keeps the shape of the stream" in found["text"][0]
    assert np.isfinite(found["moment_ratio"]).all()
    assert "defined at none" in (opened.path / "figures/signals.svg").read_text()

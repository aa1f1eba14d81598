import numpy as np
import pytest

from experiments import paths, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("paths")
    for skip in ("identity", "none"):
        config = train.Config(depth=3, width=8, skip=skip, num_train=60, num_test=10, max_steps=40)
        train.run(config, root / skip)
    return root


@pytest.fixture(scope="module")
def finished(trained):
    config = paths.Config(
        run=str(trained / "identity"), twin=str(trained / "none"), num_examples=40, draws=2
    )
    return paths.run(config, trained / "paths"), config


def test_both_networks_are_taken_apart(finished):
    opened, _ = finished
    skip, plain = opened.load("run"), opened.load("twin")
    assert skip["shares"].sum() == pytest.approx(1)
    assert len(skip["law"]) == len(skip["shares"]) == 4
    assert "shares" not in plain
    for entry in (skip, plain):
        assert entry["lesion_accuracy"].shape == (3,)
        assert entry["deleted_accuracy"].shape == entry["swapped_accuracy"].shape == (2, 2)
        for name in ("lesion_accuracy", "deleted_accuracy", "swapped_accuracy"):
            assert ((entry[name] >= 0) & (entry[name] <= 1)).all()
    assert (opened.path / "figures/paths.svg").stat().st_size > 10_000


def test_a_second_run_takes_nothing_apart_again(finished):
    opened, config = finished
    before = (opened.path / "arrays" / "run.npz").stat().st_mtime_ns
    paths.run(config, opened.path)
    assert (opened.path / "arrays" / "run.npz").stat().st_mtime_ns == before


def test_a_network_whose_stream_changes_shape_at_the_top_has_lesions_but_no_paths(tmp_path):
    config = train.Config(model="resnet", depth=8, width=2, num_train=20, num_test=10, max_steps=0)
    train.run(config, tmp_path / "resnet")
    config = paths.Config(run=str(tmp_path / "resnet"), checkpoint="init", draws=1)
    entry = paths.run(config, tmp_path / "paths").load("run")
    assert "shares" not in entry
    assert np.isfinite(entry["lesion_accuracy"]).tolist() == [True, False, False]
    assert entry["deleted_accuracy"].shape == (0, 1)
    assert (tmp_path / "paths" / "figures/paths.svg").stat().st_size > 10_000


def test_bad_fields_are_refused(tmp_path, trained):
    with pytest.raises(ValueError, match="`draws` must be at least 1"):
        paths.run(paths.Config(run=str(trained / "none"), draws=0), tmp_path / "x")
    with pytest.raises(ValueError, match="`run` must be the directory of a training run"):
        paths.run(paths.Config(), tmp_path / "x")
    # A twin alone, also one that could be taken apart.
    with pytest.raises(ValueError, match="`run` must be the directory of a training run"):
        paths.run(paths.Config(twin=str(trained / "none")), tmp_path / "x")
    assert not (tmp_path / "x").exists()

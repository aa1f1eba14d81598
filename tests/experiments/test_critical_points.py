"""The search for critical points on tiny twins: what is counted, resumed, drawn and refused."""

import dataclasses

import numpy as np
import pytest

from experiments import critical_points, train

TRAIN = train.Config(
    dataset="gaussian-mixture",
    data_options="dim=2, num_classes=2",
    num_train=20,
    num_test=10,
    depth=1,
    width=2,
    activation="tanh",
    loss="squared_error",
    max_steps=2,
    loss_levels=(),
    save_every=0,
)
CONFIG = critical_points.Config(
    network=TRAIN,
    method="newton_mr,saddle_free",
    num_networks=1,
    checkpoints=("end",),
    num_starts=2,
    num_steps=20,
    inner_steps=6,
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return critical_points.run(CONFIG, tmp_path_factory.mktemp("critical"))


def test_every_search_of_every_twin_is_counted_once_and_starts_differ(found):
    summary = found.load("summary")
    assert summary["arms"].tolist() == ["skip", "no skip"]
    assert summary["methods"].tolist() == ["newton_mr", "saddle_free"]
    assert summary["counts"].sum(-1).tolist() == [[2, 2], [2, 2]]
    assert np.all(summary["flat_lower"] <= summary["flat_share"])
    assert np.all(summary["flat_share"] <= summary["flat_upper"])
    # 18 parameters, 20 examples with 2 outputs.
    np.testing.assert_allclose(summary["ratios"], 18 / 40)
    for side in ("identity-0", "none-0"):
        entry = found.load(f"{side}_end_1_newton_mr")
        assert entry["gradient_norms"][-1] < entry["gradient_norms"][0]
        assert entry["index_lower"] == entry["index"] == entry["index_upper"]
        first = found.load(f"{side}_end_0_newton_mr")
        assert entry["start_loss"] != first["start_loss"]
    assert (found.path / "figures" / "critical_points.svg").read_text().count("<svg") == 1


def test_a_killed_run_continues_and_one_of_other_weights_is_refused(found, tmp_path):
    config = dataclasses.replace(
        CONFIG,
        run=str(found.path / "train" / "identity-0"),
        num_steps=2,
        figure=False,
    )

    def kill(done, total, text):
        raise Killed

    with pytest.raises(Killed):
        critical_points.run(config, tmp_path, kill)
    name = "run_end_0_newton_mr"
    before = (tmp_path / "arrays" / f"{name}.npz").stat().st_mtime_ns
    done = critical_points.run(config, tmp_path)
    assert (tmp_path / "arrays" / f"{name}.npz").stat().st_mtime_ns == before
    assert done.load("summary")["counts"].sum() == 4
    # Another checkpoint before it changes no draw of a noisy copy.
    several = dataclasses.replace(config, checkpoints=("init", "end"))
    copies = [
        run.load("run_end_1_newton_mr")
        for run in (done, critical_points.run(several, tmp_path / "b"))
    ]
    assert copies[0]["start_loss"] == copies[1]["start_loss"]
    done.save(name, {**done.load(name), "network_sha256": "another"})
    with pytest.raises(ValueError, match=f"holds {name} of other weights"):
        critical_points.run(config, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "newton"}, "Unknown `method`: 'newton'. Choose from: newton_mr, gradient_norm"),
        ({"method": "newton_mr,newton_mr"}, "`method` must name each method once"),
        ({"num_starts": 0}, "`num_starts` must be at least 1; got 0"),
        ({"tol": 1.0}, "`tol` must lie strictly between 0 and 1; got 1.0"),
        ({"noise": -1.0}, "`noise` must be 0 or positive; got -1.0"),
        ({"twin": "there"}, "`twin` is there but `run` is empty"),
        ({"network": dataclasses.replace(TRAIN, skip="none")}, "`network` has skip='none'"),
    ],
)
def test_bad_fields_are_refused_before_anything_is_written(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        critical_points.run(dataclasses.replace(CONFIG, **change), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()

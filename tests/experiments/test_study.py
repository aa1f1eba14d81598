"""A tiny study through the real entry points: verdicts, page, resume, refusals."""

import csv
import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from configs import study_tiny
from experiments import _grid, _network, study
from lsgeo import runs, training, trees


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("study")
    config = dataclasses.replace(study_tiny.get_config(), workers=1)
    study.run(config, workdir)
    return config, workdir


def test_tiny_study_writes_a_verdict_for_every_claim_and_a_row_for_every_network(finished):
    _, workdir = finished
    verdicts = json.loads((workdir / "verdicts.json").read_text())
    assert [v["claim"] for v in verdicts] == [
        "C1",
        "C2a",
        "C2b",
        "C2c",
        "C3/C4",
        "C3/C4 trace",
        "C6",
    ]
    assert {v["verdict"] for v in verdicts} <= {"supported", "contradicted", "undecided"}
    rows = (workdir / "results.csv").read_text().splitlines()
    assert sum(",none," in row and ",init," in row for row in rows) == 2
    page = (workdir / "report.html").read_text()
    assert all(v["statement"] in page for v in verdicts)
    assert "nats" in page


def test_every_figure_of_the_table_is_that_of_its_network_file(finished):
    _, workdir = finished
    names = {"matched": "loss_1.0"}
    with open(workdir / "results.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["checkpoint"]]
    assert len(rows) >= 8
    for row in rows:
        cell = f"{row['family']}-depth{row['depth']}-{row['skip']}-seed{row['seed']}"
        name = names.get(row["checkpoint"], row["checkpoint"])
        stored = runs.Run(workdir / "runs" / cell / "spectrum").load(name)
        figures = ["loss", "lambda_min", "lambda_max", "trace", "trace_error"]
        for share in ("zero_fraction", "negative_fraction", "negative_mass"):
            figures += [share, f"{share}_lower", f"{share}_upper"]
            width = stored[f"{share}_upper"] - stored[f"{share}_lower"]
            np.testing.assert_allclose(float(row[f"{share}_open"]), width / 2)
        assert [float(row[name]) for name in figures] == [stored[name] for name in figures]


def test_what_twins_have_in_common_is_measured_on_the_networks_that_were_trained(finished):
    _, workdir = finished
    pairs = json.loads((workdir / "twins.json").read_text())
    assert [(p["arm"], p["reference"], p["seed"]) for p in pairs] == [
        ("residual", "plain", 0),
        ("residual", "plain", 1),
    ]
    folders = [workdir / "runs" / f"MLP-depth2-{kind}-seed1" for kind in ("identity", "none")]
    for kind, folder in zip(("", "reference_"), folders, strict=True):
        stored = training.load_checkpoint(folder / "train", "init")["params"]
        count = sum(leaf.size for leaf in jax.tree.leaves(stored))
        assert pairs[1]["reference_parameters" if kind else "num_parameters"] == count
        spectrum = runs.Run(folder / "spectrum")
        loss = spectrum.load("loss_1.0")["loss"] if spectrum.has("loss_1.0") else None
        assert pairs[1][f"{kind}loss"] == loss
    names = {trees.path_name(p) for p, _ in jax.tree_util.tree_leaves_with_path(stored)}
    for pair in pairs:
        assert set(pair["equal_leaves"]) == names and pair["different_leaves"] == []
        assert pair["same_tree"] and pair["same_count"] and pair["same_weights"]
        assert pair["logit_difference"] > 0.1 and not pair["same_function"]
        assert pair["configurations_differ_in"] == {"skip": ["identity", "none"]}
    page = (workdir / "report.html").read_text()
    common = (
        f"of the {len(names)} arrays of weights that both have, {len(names)} are equal bit for bit"
    )
    assert f"{common} at initialisation in each of 2 pairs" in page


def test_runs_start_with_the_weights_of_their_description(finished):
    config, workdir = finished
    for cell in _grid.cells(config, workdir):
        stored = training.load_checkpoint(cell.path / "train", "init")["params"]
        network = _network.load(cell.path / "train", "init")
        start = cell.twins.starts(network.batch, network.num_classes)[cell.arm.name]
        jax.tree.map(np.testing.assert_array_equal, start.params, stored)
        assert start.predict.model == network.model


def test_study_that_lost_results_computes_them_again_to_the_same_verdicts(finished):
    config, workdir = finished
    before = (workdir / "verdicts.json").read_bytes()
    (workdir / "verdicts.json").unlink()
    (workdir / "runs" / "MLP-depth2-none-seed1" / "spectrum" / "arrays" / "loss_1.0.npz").unlink()
    study.run(config, workdir)
    assert (workdir / "verdicts.json").read_bytes() == before


def test_damaged_result_is_named_and_nothing_is_overwritten(finished):
    config, workdir = finished
    path = workdir / "runs" / "MLP-depth2-none-seed0" / "spectrum" / "arrays" / "init.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(ValueError, match=r"init.npz is damaged.*Delete it and run"):
            study.run(config, workdir)
        assert path.read_bytes() == whole[: len(whole) // 2]
    finally:
        path.write_bytes(whole)


def test_a_third_arm_leaves_the_twins_alone_and_adds_its_own_rows(finished):
    config, workdir = finished
    names = ("config.json", "verdicts.json", "twins.json", "results.csv", "report.html")
    before = {name: (workdir / name).read_bytes() for name in names}
    (workdir / "config.json").unlink()
    try:
        study.run(dataclasses.replace(config, arms="plain,residual,identity-biased"), workdir)
        verdicts, pairs = (json.loads((workdir / name).read_text()) for name in names[1:3])
        page = (workdir / "report.html").read_text()
        (started,) = workdir.glob("runs/*identity-biased-seed0/train")
    finally:
        for name, content in before.items():
            (workdir / name).write_bytes(content)
    old = json.loads(before["verdicts.json"])
    assert verdicts[: len(old)] == old and len(verdicts) == 2 * len(old)
    assert {tuple(v["arms"]) for v in verdicts[len(old) :]} == {("plain", "identity-biased")}
    (biased,) = (p for p in pairs if p["arm"] == "identity-biased" and p["seed"] == 0)
    assert set(biased["configurations_differ_in"]) == {"initializer"}
    assert biased["different_leaves"] == ["block_0/dense_0/kernel", "block_1/dense_0/kernel"]
    assert _network.load(started, "init").arm == "identity-biased"
    assert "MLP, depth 2, against networks with identity-biased weights" in page
    assert "var(--arm-identity-biased" in page


def test_directory_of_another_configuration_is_refused(finished):
    config, workdir = finished
    with pytest.raises(ValueError, match="belongs to another configuration: `threshold` is 0.1"):
        study.run(dataclasses.replace(config, threshold=0.2), workdir)


def test_nested_field_that_differs_is_named(finished):
    config, workdir = finished
    other = dataclasses.replace(config, mlp=dataclasses.replace(config.mlp, width=9))
    with pytest.raises(ValueError, match="`mlp.width` is 8 there and 9 here"):
        study.run(other, workdir)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_seeds", 0),
        ("matched_loss", -1.0),
        ("confidence", 1.0),
        ("workers", -1),
        ("arms", "residual,plain"),
    ],
)
def test_field_out_of_range_is_named(tmp_path, field, value):
    config = dataclasses.replace(study_tiny.get_config(), **{field: value})
    with pytest.raises(ValueError, match=f"`{field}` must"):
        study.run(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_unknown_field_ends_with_one_sentence_and_a_status(tmp_path):
    command = [sys.executable, "-m", "experiments.study", "--config=configs/study_tiny.py"]
    command += [f"--workdir={tmp_path}/x", "--config.thresholds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error:") and "thresholds" in done.stderr
    assert "Traceback" not in done.stderr

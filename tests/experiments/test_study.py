"""A tiny study through the real entry points: verdicts, page, resume, refusals."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from configs import study_tiny
from experiments import study
from lsgeo import runs


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


def test_twins_share_their_initial_weights(finished):
    from lsgeo import training

    _, workdir = finished
    plain, skip = (
        training.load_checkpoint(workdir / "runs" / f"MLP-depth2-{kind}-seed0" / "train", "init")
        for kind in ("none", "identity")
    )
    np.testing.assert_array_equal(
        plain["params"]["block_0"]["dense_0"]["kernel"],
        skip["params"]["block_0"]["dense_0"]["kernel"],
    )


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
    [("num_seeds", 0), ("matched_loss", -1.0), ("confidence", 1.0), ("workers", -1)],
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

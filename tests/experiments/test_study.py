"""A tiny study through the real entry points: verdicts, page, twins, refusals."""

import csv
import dataclasses
import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from configs import study_full, study_quick, study_standard, study_tiny
from experiments import study
from experiments.common.data import load_data
from experiments.common.network import load_network
from lsgeo import runs, training, trees
from lsgeo.study import CLAIMS, VERDICTS, conditions
from lsgeo.study.config import check
from lsgeo.study.engine.estimate import estimate
from lsgeo.study.engine.jobs import States
from lsgeo.study.laws import LAWS
from lsgeo.study.plan import make_plan, networks


def test_tiny_study_writes_a_verdict_for_every_hypothesis_of_its_claims(finished_study):
    config, workdir = finished_study
    verdicts = json.loads((workdir / "verdicts.json").read_text())
    chosen = [claim for claim in CLAIMS if claim.name in config.claims.split(",")]
    expected = [hypothesis.name for claim in chosen for hypothesis in claim.hypotheses]
    assert [v["hypothesis"] for v in verdicts] == expected
    assert {v["verdict"] for v in verdicts} <= set(VERDICTS)
    page = (workdir / "report.html").read_text()
    assert all(v["statement"] in page for v in verdicts)
    for verdict in verdicts:
        assert f"--only={verdict['claim']}" in verdict["command"]
        for finding in verdict["findings"]:
            for pattern in finding["runs"]:
                assert list(workdir.glob(pattern))


def test_a_study_of_one_depth_says_of_each_law_that_it_is_not_measured(finished_study):
    _, workdir = finished_study
    found = {law["law"]: law for law in json.loads((workdir / "laws.json").read_text())}
    assert list(found) == list(LAWS)
    assert {law["verdict"] for law in found.values()} == {"not measured"}
    assert "a law needs three depths" in found["L1"]["sentence"]
    assert all(law["command"].startswith("python -m") for law in found.values())


def test_every_figure_of_the_table_is_that_of_its_network_file(finished_study):
    _, workdir = finished_study
    names = {"matched": "loss_1.0"}
    with open(workdir / "results.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["reading"]]
    assert len(rows) >= 8
    for row in rows:
        parts = (row["family"], row["norm"], f"depth{row['depth']}", row["skip"])
        cell = workdir / "runs" / "-".join((*parts, f"seed{row['seed']}"))
        name = names.get(row["reading"], row["reading"])
        stored = runs.Run(cell / "spectrum").load(name)
        figures = ["loss", "lambda_min", "lambda_max", "trace", "trace_error"]
        for share in ("zero_fraction", "negative_fraction", "negative_mass"):
            figures += [share, f"{share}_lower", f"{share}_upper"]
            width = stored[f"{share}_upper"] - stored[f"{share}_lower"]
            least = 1 / stored["size"]
            np.testing.assert_allclose(float(row[f"{share}_open"]), max(width / 2, least))
        assert [float(row[name]) for name in figures] == [stored[name] for name in figures]
        if row["reading"] != "init":
            stored = runs.Run(cell / "metric-generalization").load(name)
            assert float(row["test_error"]) == stored["test_error"]


def test_the_effect_of_a_finding_is_that_of_its_networks(finished_study):
    _, workdir = finished_study
    verdicts = json.loads((workdir / "verdicts.json").read_text())
    (found,) = (v["findings"][0] for v in verdicts if v["hypothesis"] == "C4a")
    assert (found["family"], found["depth"], found["reading"]) == ("MLP", 2, "matched")
    ends = {}
    for arm in ("none", "identity"):
        folders = [workdir / "runs" / f"MLP-layer-depth2-{arm}-seed{seed}" for seed in (0, 1)]
        ends[arm] = [runs.Run(f / "spectrum").load("loss_1.0")["lambda_max"] for f in folders]
    ratios = np.log(ends["none"]) - np.log(ends["identity"])
    np.testing.assert_allclose(found["values"], ratios, rtol=1e-12)
    np.testing.assert_allclose(found["effect"], ratios.mean(), rtol=1e-12)


def test_what_twins_have_in_common_is_measured_on_the_networks_that_were_trained(finished_study):
    _, workdir = finished_study
    pairs = json.loads((workdir / "twins.json").read_text())
    assert [(p["arm"], p["reference"], p["seed"]) for p in pairs] == [
        ("residual", "plain", 0),
        ("residual", "plain", 1),
    ]
    folders = [workdir / "runs" / f"MLP-layer-depth2-{kind}-seed1" for kind in ("identity", "none")]
    for kind, folder in zip(("", "reference_"), folders, strict=True):
        stored = training.load_checkpoint(folder / "train", "init")["params"]
        count = sum(leaf.size for leaf in jax.tree.leaves(stored))
        assert pairs[1]["reference_parameters" if kind else "num_parameters"] == count
        spectrum = runs.Run(folder / "spectrum")
        loss = spectrum.load("loss_1.0")["loss"] if spectrum.has("loss_1.0") else None
        if loss is None:
            assert pairs[1][f"{kind}loss"] is None
        else:
            np.testing.assert_allclose(pairs[1][f"{kind}loss"], loss, rtol=1e-5)
    names = {trees.path_name(p) for p, _ in jax.tree_util.tree_leaves_with_path(stored)}
    for pair in pairs:
        assert set(pair["equal_leaves"]) == names and pair["different_leaves"] == []
        assert pair["same_tree"] and pair["same_count"] and pair["same_weights"]
        assert pair["logit_difference"] > 0.1 and not pair["same_function"]
        assert pair["configurations_differ_in"] == {"skip": ["identity", "none"]}


def test_runs_start_with_the_weights_of_their_description(finished_study):
    config, workdir = finished_study
    for cell in networks(config.blocks(), config.pairs(), workdir):
        stored = training.load_checkpoint(cell.path / "train", "init")["params"]
        network = load_network(cell.path / "train", "init")
        start = cell.twins.starts(network.batch, network.num_classes)[cell.arm.name]
        jax.tree.map(np.testing.assert_array_equal, start.params, stored)
        assert start.predict.model == network.model


def test_every_network_names_the_commit_and_the_record_that_trained_it(finished_study):
    config, workdir = finished_study
    with open(workdir / "results.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["reading"]]
    for cell in networks(config.blocks(), config.pairs(), workdir):
        found = runs.load_provenance(cell.path / "train")
        (row,) = (r for r in rows if (r["arm"], r["seed"]) == (cell.arm.name, str(cell.seed)))
        assert row["record"] == found["record_sha256"]
        assert row["commit"].removesuffix("+changes") == found["git_commit"]


def test_directory_of_another_configuration_is_refused(finished_study):
    config, workdir = finished_study
    with pytest.raises(ValueError, match="belongs to another configuration: `confidence` is 0.95"):
        study.run(dataclasses.replace(config, confidence=0.9), workdir)


def test_nested_field_that_differs_is_named(finished_study):
    config, workdir = finished_study
    other = dataclasses.replace(config, mlp=dataclasses.replace(config.mlp, width=9))
    with pytest.raises(ValueError, match="`mlp.width` is 8 there and 9 here"):
        study.run(other, workdir)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("num_seeds", 0, "must"),
        ("matched_loss", -1.0, "must"),
        ("confidence", 1.0, "must"),
        ("workers", -1, "must"),
        ("arms", "residual,plain", "must"),
        ("claims", "C99", "holds 'C99', which is no claim"),
        ("only", "C5", "holds 'C5', which is no claim of this study"),
        ("shard", "3/2", "must be k/n"),
        ("shard", "first", "must be k/n"),
    ],
)
def test_field_out_of_range_is_named(tmp_path, field, value, text):
    config = dataclasses.replace(study_tiny.get_config(), **{field: value})
    with pytest.raises(ValueError, match=f"`{field}` {text}"):
        study.run(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"model": "resnet", "norms": ("batch",), "depths": (8, 15)},
            r"MLP of depth 15 with batch norm, plain cannot be built: `depth` of a resnet.* So are MLP",
        ),
        (
            {"norms": ("instance",)},
            r"MLP of depth 2 with instance norm, plain cannot be built: Unknown norm",
        ),
        ({"arms": "plain,dense"}, "MLP of depth 2 with layer norm, dense cannot be built"),
        ({"without": ("sharpnes",)}, "`without` of MLP holds 'sharpnes', which is no instrument"),
        ({"without": ("sweep bach",)}, "holds 'sweep bach', .* one of its norms \\(layer\\)"),
    ],
)
def test_a_grid_with_a_network_that_cannot_exist_is_refused_by_name(tmp_path, changes, text):
    config = study_tiny.get_config()
    config = dataclasses.replace(config, mlp=dataclasses.replace(config.mlp, **changes))
    with pytest.raises(ValueError, match=text):
        study.run(config, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_instrument_that_one_norm_leaves_out_measures_the_other_norms():
    config = study_tiny.get_config()
    mlp = dataclasses.replace(config.mlp, norms=("layer", "none"), without=("spectrum none",))
    plan = make_plan(
        dataclasses.replace(config, mlp=mlp), pathlib.Path("nowhere"), study.INSTRUMENTS
    )
    assert {job.cell.norm for job in plan.jobs if job.name == "train"} == {"layer", "none"}
    assert {job.cell.norm for job in plan.jobs if job.name == "spectrum"} == {"layer"}
    assert {d.norm for d in plan.designs if "lambda_max" in d.columns} == {"layer"}


@pytest.mark.parametrize("tier", [study_quick, study_standard, study_full])
def test_every_network_of_a_tier_can_be_built_and_every_claim_that_it_asks_has_a_condition(tier):
    config = tier.get_config()
    check(config)
    plan = make_plan(config, pathlib.Path("nowhere"), study.INSTRUMENTS)
    assert len({cell.path for cell in plan.cells}) == len(plan.cells)
    assert len({job.workdir for job in plan.jobs}) == len(plan.jobs)
    for claim in plan.claims:
        assert conditions(claim.hypotheses[0], plan.designs), claim.name
    if tier is study_standard:
        assert plan.claims == CLAIMS
    if tier is study_quick:
        assert len(plan.claims) >= 6


def test_a_family_that_a_hypothesis_names_is_one_of_a_study():
    hypotheses = [hypothesis for claim in CLAIMS for hypothesis in claim.hypotheses]
    named = {getattr(hypothesis.contrast, "family", "") for hypothesis in hypotheses} - {""}
    assert named and named <= study_standard.get_config().families().keys()


def test_a_dry_run_counts_what_is_left_and_writes_nothing(finished_study, tmp_path, capsys):
    config, workdir = finished_study
    assert study.run(dataclasses.replace(config, dry_run=True), tmp_path / "new") is None
    text = capsys.readouterr().out
    assert "4 networks" in text and " 0 done" in text and "memory: about" in text
    assert not (tmp_path / "new").exists()
    study.run(dataclasses.replace(config, dry_run=True), workdir)
    assert ", 0 to run" in capsys.readouterr().out


def test_an_estimate_adds_up_the_runs_that_are_missing(finished_study, tmp_path):
    config, workdir = finished_study
    there, missing = (
        make_plan(config, root, study.INSTRUMENTS).asked for root in (workdir, tmp_path)
    )
    assert estimate(there, States(), load_data).seconds == 0
    found = estimate(missing, States(), load_data)
    np.testing.assert_allclose(found.seconds, sum(job.cost for job in missing))
    assert found.networks == 4 and found.done == 0
    stored = training.load_checkpoint(there[0].workdir, "init")["params"]
    count = sum(leaf.size for leaf in jax.tree.leaves(stored))
    least = 4 * count * 2  # two checkpoints of four networks at least
    assert least * 4 < found.disk_bytes < 1e7


def test_unknown_field_ends_with_one_sentence_and_a_status(tmp_path):
    command = [sys.executable, "-m", "experiments.study", "--config=configs/study_tiny.py"]
    command += [f"--workdir={tmp_path}/x", "--config.thresholds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error:") and "thresholds" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hyphen_in_dry_run_is_understood(tmp_path):
    command = [sys.executable, "-m", "experiments.study", "--config=configs/study_tiny.py"]
    command += [f"--workdir={tmp_path}/x", "--dry-run", "--only=C4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "4 networks, 16 runs: 0 done" in done.stdout, done.stderr

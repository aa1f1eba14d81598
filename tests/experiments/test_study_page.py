"""The page of a study out of its run directories: what is there, what failed, what is damaged or missing."""

import dataclasses
import html
import json
import re

import numpy as np
import pytest

from experiments.study import Config
from lsgeo import runs, study
from lsgeo.study.config import Family
from lsgeo.study.contrasts.paired import Difference, LogRatio
from lsgeo.study.page import _networks as page_networks
from lsgeo.study.page import _pictures
from lsgeo.study.page import _write as page
from lsgeo.study.plan import Plan
from lsgeo.study.plan import networks as cells_of

CONFIG = Config(
    mlp=Family(depths=(2, 4), norms=("layer",)),
    arms="plain,residual",
    num_seeds=3,
    matched_loss=0.5,
)
HYPOTHESIS = study.Hypothesis(
    "C1a", "It is sharper", LogRatio("lambda_max"), "sharpness", "it is not"
)
CLAIM = study.Claim("C1", "Sharpness", "Skips flatten", (HYPOTHESIS,), "Twins.", "Much.")


def fill(root):
    for cell in cells_of(CONFIG.blocks(), CONFIG.pairs(), root):
        reached = not (cell.arm.name == "plain" and cell.depth == 4 and cell.seed > 0)
        _train(cell, reached)
        _spectra(cell, reached)
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = fill(tmp_path_factory.mktemp("study"))
    return root, *write(root, rows(), ["runs/a is damaged."])


def _opened(path):
    path.mkdir(parents=True)
    return runs.Run(path)


def _train(cell, reached):
    run = _opened(cell.path / "train")
    steps = [0, 10, 20]
    for step, loss in zip(steps, [2.0, 1.0, 0.4 if reached else 0.9], strict=True):
        run.log({"step": step, "loss": loss})
    run.log({"step": 20, "test_loss": 3.0})
    status = "trained" if reached else "diverged"
    levels = {"levels": [1.0, 0.5], "reached": [10, 20 if reached else -1]}
    run.save("summary", {"status": status, **levels})


def _spectra(cell, reached):
    run = _opened(cell.path / "spectrum")
    for name in ("init", *(["loss_0.5"] if reached else [])):
        top = 10.0 * cell.depth + cell.seed
        nodes = np.array([[-1.0, 0.0, 0.5, top]])
        entry = {"nodes": nodes, "weights": np.full((1, 4), 0.25), "size": 50, "noise": 0.0}
        run.save(name, {**entry, "num_matvecs": 4})


def write(root, rows=(), problems=(), config=CONFIG):
    design = study.Design(
        "MLP",
        "mlp",
        "layer",
        (2, 4),
        ("plain", "residual"),
        frozenset({"lambda_max"} if rows else ()),
    )
    verdicts = study.decide([CLAIM], rows, [design])
    plan = Plan(
        config,
        root,
        (CLAIM,),
        cells_of(config.blocks(), config.pairs(), root),
        (),
        (),
        (),
        (design,),
    )
    answer = page.write(
        plan,
        rows=rows,
        pairs=[],
        verdicts=verdicts,
        laws=(),
        notes={"C2": ["A further result."]},
        provenance={"versions": {"jax": "0.10"}, "device_kind": "cpu", "argv": ["a", "b"]},
        problems=problems,
        command="python -m experiments.study --workdir=runs/x --only=C2",
    )
    return answer, " ".join((root / "report.html").read_text().split())


def rows():
    return [
        {
            "family": "MLP",
            "norm": "layer",
            "depth": depth,
            "arm": arm,
            "seed": seed,
            "reading": "matched",
            "lambda_max": (2.0 if arm == "plain" else 1.0) + 0.1 * seed,
        }
        for depth in (2, 4)
        for arm in ("plain", "residual")
        for seed in range(3)
    ]


def networks(page):
    text = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(text)["networks"]


def test_page_counts_failures_and_says_what_was_not_measured(written):
    _, answer, page = written
    assert "12 networks" in answer and answer in page
    assert (
        "MLP of depth 4 with layer norm, without skips: 2 of 3 networks (seeds 1, 2) diverged."
        in page
    )
    assert "2 of 3 networks (seeds 1, 2) never reached a training loss of 0.5" in page
    assert "runs/a is damaged." in page and "jax version" in page
    left_out = [claim.name for claim in study.CLAIMS if claim.name != "C1"]
    assert all(f"<strong>{name}</strong>" in page for name in left_out)


def test_a_claim_of_the_study_that_the_page_was_not_asked_for_is_not_yet_run(tmp_path):
    _, page = write(tmp_path, config=dataclasses.replace(CONFIG, claims="C1,C2"))
    statements = {claim.name: html.escape(claim.statement) for claim in study.CLAIMS}
    assert f"{statements['C2']}: not yet run." in page
    assert f"{statements['C3']}: left out of what this page was asked for." in page


def test_a_claim_names_its_command_and_the_runs_of_its_primary_condition(written):
    root, _, page = written
    assert "python -m experiments.study --workdir=runs/x --only=C1</code>" in page
    for arm in ("none", "identity"):
        pattern = f"runs/MLP-layer-depth4-{arm}-seed*"
        assert f"<code>{pattern}</code>" in page and len(list(root.glob(pattern))) == 3


def test_the_explorer_holds_every_network_with_its_seeds_deepest_twins_first(written):
    found = networks(written[2])
    names = [(n["depth"], n["arm"], n["seeds"]) for n in found]
    assert names == [(d, arm, 3) for d in (4, 2) for arm in ("without skips", "with skips")]
    plain = found[0]["density"]
    assert plain["init"]["highest"] == [40.0, 41.0, 42.0] and plain["matched"]["highest"] == [40.0]
    assert "end" not in plain and "plane" not in found[0]
    # Two of three plain networks stay at 0.9; the record without a loss is none of training's.
    assert found[0]["curve"]["steps"][-1] == 20
    assert found[0]["curve"]["values"][-1] == round(100 * np.log10(0.9))


def test_damaged_and_missing_runs_leave_a_page_of_what_is_there(tmp_path):
    root = fill(tmp_path)
    damaged, missing = cells_of(CONFIG.blocks(), CONFIG.pairs(), root)[:2]
    (damaged.path / "spectrum" / "arrays" / "init.npz").write_bytes(b"no zip")
    (damaged.path / "train" / "metrics.jsonl").write_text("{broken\n{}\n")
    (missing.path / "train" / "arrays" / "summary.npz").unlink()
    answer, page = write(root)
    assert "It is sharper: no run of this study measures lambda_max." in page
    assert "11 networks" in answer
    (shallow,) = (n for n in networks(page) if n["depth"] == 2 and n["arm"] == "without skips")
    assert shallow["density"]["init"]["highest"] == [21.0, 22.0]


def test_an_untrained_study_has_a_page_without_an_explorer(tmp_path):
    answer, page = write(tmp_path)
    assert "0 networks" in answer and "explorer-data" not in page
    assert page_networks.explorer(cells_of(CONFIG.blocks(), CONFIG.pairs(), tmp_path), 0.5) is None


def test_the_forest_has_a_panel_for_ratios_and_one_for_differences():
    difference = dataclasses.replace(
        HYPOTHESIS,
        name="C1b",
        contrast=Difference("lambda_max"),
        threshold=study.Smallest(0.1, "a tenth of the twins' distance"),
    )
    claim = dataclasses.replace(CLAIM, hypotheses=(HYPOTHESIS, difference))
    arms = ("plain", "residual")
    design = study.Design("MLP", "mlp", "layer", (4,), arms, frozenset({"lambda_max"}))
    verdicts = study.decide([claim], rows(), [design])
    image = _pictures.forest(verdicts).image
    for said in ("C1a It is sharper", "C1b It is sharper", "factor between", "multiples of"):
        assert said in image
    assert "multiples of" not in _pictures.forest(verdicts[:1]).image
    assert _pictures.forest(study.decide([claim], rows(), [])) is None

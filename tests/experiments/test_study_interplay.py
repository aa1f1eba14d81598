"""The interplay of skips with norms and mixers: analysed where it can be, asked of both sides."""

import dataclasses
import math
import pathlib

import numpy as np
import pytest

from configs import study_standard
from experiments.study import INSTRUMENTS
from lsgeo import study
from lsgeo.study import plan
from lsgeo.study.decisions import _interplay

CONFIG = study_standard.get_config()
DESIGNS = plan.designs_of(CONFIG.blocks())


def rows(skip=1.0, interplay=0.0, leave_out=()):
    """log lambda_max = skip [plain] + interplay [plain without norm] + noise, in all families."""
    rng = np.random.default_rng(0)
    return [
        {
            "family": name,
            "norm": norm,
            "depth": depth,
            "arm": arm,
            "seed": seed,
            "reading": reading,
            "lambda_max": math.exp(
                skip * (arm == "plain")
                + interplay * (arm == "plain" and norm == "none")
                + 0.1 * rng.standard_normal()
            ),
        }
        for name, family in CONFIG.families().items()
        for norm in family.norms
        for depth in family.depths
        for arm in ("plain", "residual")
        for seed in range(5)
        for reading in ("init", "matched")
        if (name, norm, arm, reading) not in leave_out
    ]


def _by_design(found):
    return {(tuple(one["factors"]), one["factors"]["family"], one["reading"]): one for one in found}


def test_an_interplay_that_is_planted_is_found_and_one_that_is_not_is_not():
    names = ("MLP", "ViT")
    for planted in (0.0, 2.0):
        found = _by_design(_interplay.analyses(rows(interplay=planted), DESIGNS))
        whole = found[("arm", "norm", "family"), names, "matched"]["terms"]
        assert whole["arm"]["p"] < 1e-6
        assert (whole["arm x norm"]["p"] < 1e-6) == (planted > 0)
        assert whole["arm x norm x family"]["p"] > 1e-3
        mlp = found[("arm", "norm", "family"), ("MLP",), "init"]["terms"]
        assert (mlp["arm x norm"]["p"] < 1e-6) == (planted > 0)


def test_a_cell_whose_networks_all_failed_is_named_and_the_other_mixers_are_analysed():
    found = _by_design(
        _interplay.analyses(rows(leave_out=[("ViT", "none", "plain", "matched")]), DESIGNS)
    )
    whole = found[("arm", "norm", "family"), ("MLP", "ViT"), "matched"]
    assert "terms" not in whole and "plain/none/ViT: 0" in whole["text"]
    assert "terms" in found[("arm", "norm", "family"), ("MLP",), "matched"]
    assert "terms" in found[("arm", "norm", "family"), ("MLP", "ViT"), "init"]


@pytest.mark.parametrize(("family", "norm"), [("ViT", "layer"), ("MLP", "layer"), ("ViT", "none")])
def test_both_sides_of_an_interaction_are_measured_when_it_alone_is_asked_for(family, norm):
    alone = dataclasses.replace(CONFIG, only="C13", num_seeds=1)
    jobs = plan.make_plan(alone, pathlib.Path("nowhere"), INSTRUMENTS).asked
    found = {
        job.name
        for job in jobs
        if (job.cell.family, job.cell.norm, job.cell.arm.name) == (family, norm, "residual")
    }
    assert "spectrum" in found
    others = {job.name for job in jobs if job.cell.family == "Synthetic"}
    assert others and "metric-rank" not in others


def test_the_other_family_of_an_interaction_is_measured_for_it_alone():
    (claim,) = (claim for claim in study.CLAIMS if claim.name == "C13")
    across = [h for h in claim.hypotheses if getattr(h.contrast, "family", "")]
    alone = dataclasses.replace(claim, hypotheses=tuple(across))
    wanted = plan._wanted([alone], plan.designs_of(CONFIG.blocks()), ())
    assert {("lambda_max", "init"), ("lambda_max", "matched")} == wanted["ViT", "layer", "plain"]
    assert {family for family, *_ in wanted} == {
        "MLP",
        "Synthetic",
        "Types",
        "Depths",
        "Starts",
        "ViT",
    }

"""Measures, arms and claims are declared once: what one declares is found, and what clashes is refused."""

import dataclasses
import math
import pathlib

import pytest

from configs import study_standard
from lsgeo import study
from lsgeo.study import ARMS, CLAIMS, MEASURES, arms, plan
from lsgeo.study.claims import check_claims
from lsgeo.study.contrasts.paired import Difference
from lsgeo.study.measures.records import Column, Measure, registry

STANDARD = study_standard.get_config()
CONFIG = dataclasses.replace(STANDARD, mlp=dataclasses.replace(STANDARD.mlp, without=()))
DESIGNS = plan.designs_of(CONFIG.blocks())
CELLS = plan.networks(CONFIG.blocks(), [(0, 0)], pathlib.Path("nowhere"))
# Every measure by one instrument, whose run is told its name.
INSTRUMENTS = {
    "metric": plan.Instrument(print, lambda cell, config, it: {it.name: it.name}, lambda _: ())
}
COLUMNS = [(m, column) for m in MEASURES.values() for column in m.columns]


def about(column, reading, **changes):
    """A claim on one column."""
    hypothesis = study.Hypothesis(
        "C99a", "It differs", Difference(column), "it", "it does not", readings=(reading,)
    )
    bar = study.Smallest(0.1, "planted")
    hypothesis = dataclasses.replace(hypothesis, **{"threshold": bar, **changes})
    return study.Claim("C99", "It", "It differs", (hypothesis,), "Twins.", "Much.")


@pytest.mark.parametrize(("measure", "column"), COLUMNS, ids=lambda x: x.name)
def test_a_claim_on_any_column_that_is_measured_has_its_measure_planned_and_no_other(
    measure, column, monkeypatch
):
    # Whether a measure suits a network is another question.
    monkeypatch.setitem(MEASURES, measure.name, dataclasses.replace(measure, suits=lambda _: True))
    cell = next(cell for cell in CELLS if (cell.family, cell.norm) == ("MLP", "layer"))
    for reading in column.readings:
        claim = about(column.name, reading)
        check_claims([claim])
        jobs = plan._jobs(cell, None, CONFIG, INSTRUMENTS, plan._wanted([claim], DESIGNS, ()))
        assert {"train", "point", measure.name} == {job.config for job in jobs}


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        (about("sharpnes", "matched"), "reads the column 'sharpnes' at matched, which no measure"),
        (about("index", "init"), "`contrast` of C99a reads the column 'index' at init, which no"),
        (about("index", "matched", arms=(("plain", "skip"),)), "`arms` of C99a hold 'skip'"),
    ],
)
def test_a_claim_that_no_study_could_answer_is_refused_in_one_sentence(claim, text):
    with pytest.raises(ValueError, match=text):
        check_claims([*CLAIMS, claim])


def test_two_hypotheses_of_one_name_are_refused():
    with pytest.raises(ValueError, match="`name` 'C1a' is that of two hypotheses"):
        check_claims([*CLAIMS, CLAIMS[0]])


def test_a_measure_that_is_listed_twice_and_two_that_fill_one_column_are_refused():
    one = Measure("one", (Column("x", ("init",)),))
    with pytest.raises(ValueError, match="`measures` hold 'one' twice"):
        registry((one, one))
    other = Measure("other", (Column("x", ("init", "end")),))
    with pytest.raises(ValueError, match="'one' and 'other' both fill the column 'x' at init"):
        registry((one, other))
    assert list(registry((one, Measure("other", (Column("x", ("end",)),))))) == ["one", "other"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"skip": "identitty"}, "Unknown skip: 'identitty'"),
        ({"initializer": "eye"}, "`initializer` of the arm residual is 'eye'. Choose from: he"),
    ],
)
def test_an_arm_of_an_unknown_skip_type_or_initialiser_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        dataclasses.replace(ARMS["residual"], **changes)


def test_two_arms_of_one_label_are_refused():
    twin = dataclasses.replace(ARMS["residual"], name="twin", folder="twin")
    with pytest.raises(ValueError, match="`label` 'skip' is that of two arms"):
        arms.registry((ARMS["residual"], twin))


def test_a_claim_whose_arms_no_family_has_is_said_to_be_unanswered():
    claim = about("index", "matched", arms=(("halved", "mhc"),))
    small = [dataclasses.replace(design, arms=("plain", "residual")) for design in DESIGNS]
    text = study.untested(claim.hypotheses[0], small)
    assert text == "no family of this study has networks with the arms halved and mhc"
    blind = [dataclasses.replace(design, columns=frozenset()) for design in DESIGNS]
    text = study.untested(about("index", "matched").hypotheses[0], blind)
    assert text == "no run of this study measures index"


def test_what_counts_is_the_metric_s_or_the_hypothesis_own_with_a_reason():
    def hypothesis(contrast, threshold=None):
        return study.Hypothesis("C99a", "", contrast, "", "", threshold=threshold)

    assert hypothesis(study.LogRatio("lambda_max")).smallest == math.log(1.25)
    assert "stable step" in hypothesis(study.DepthGrowth(study.LogRatio("lambda_max"))).reason
    own = study.Smallest(0.3, "because")
    found = hypothesis(study.LogRatio("lambda_max"), own)
    assert (found.smallest, found.reason) == (0.3, "because")
    arms = ("plain", "residual", "scaled", "halved")
    for contrast, message in (
        (study.Difference("lambda_max"), "is one for log ratios: .* needs one for differences"),
        (study.LogRatio("test_error"), "is one for differences"),
        (study.LogRatio("status"), "'status' has no smallest effect of its own"),
        (study.RankCorrelation("lambda_max", "error_gap", arms), "'its contrast' has no smallest"),
        (study.DepthSlope("residual_sigma"), "'its contrast' has no smallest"),
    ):
        with pytest.raises(ValueError, match=message):
            _ = hypothesis(contrast).smallest
    with pytest.raises(
        ValueError, match=r"`threshold` of C99a must be a Smallest\(value, reason\)"
    ):
        hypothesis(study.LogRatio("lambda_max"), 0.1)
    with pytest.raises(ValueError, match="`reason` is empty"):
        study.Smallest(0.1, " ")
    with pytest.raises(ValueError, match="`value` must be 0 or more"):
        study.Smallest(-0.1, "why")


def test_a_column_that_two_measures_fill_is_judged_once(monkeypatch):
    judged = study.Column("x", ("end",), study.Smallest(0.1, "why"), floor=0.0)
    for other, fits in (
        (study.Column("x", ("init",)), True),
        (dataclasses.replace(judged, readings=("init",)), True),
        (study.Column("x", ("init",), floor=1.0), False),
    ):
        for name, one in (("a", judged), ("b", other)):
            monkeypatch.setitem(MEASURES, name, Measure(name, (one,)))
        if fits:
            assert study.column("x") == judged
        else:
            with pytest.raises(ValueError, match="declare 'x' differently"):
                study.column("x")
    assert study.column("nowhere") is None

"""The findings and the README show the numbers of the study that is kept beside them."""

import json
import re
from xml.etree import ElementTree

import pytest

from docs import draw_findings
from lsgeo.study import CLAIMS

TEXT = draw_findings.PAGES["findings"].read_text(encoding="utf-8")
VERDICTS = {verdict["hypothesis"]: verdict for verdict in draw_findings.load()}


@pytest.mark.parametrize(("name", "primary"), [("verdicts", True), ("findings", False)])
def test_a_page_has_the_table_of_the_kept_verdicts(name, primary):
    page = draw_findings.PAGES[name].read_text(encoding="utf-8")
    assert f"\n{draw_findings.table(draw_findings.load(), primary=primary)}\n" in page


def test_the_kept_study_answers_every_hypothesis_as_it_is_recorded():
    records = {h.name: (h.statement, h.threshold) for claim in CLAIMS for h in claim.hypotheses}
    kept = {name: (v["statement"], v["threshold"]) for name, v in VERDICTS.items()}
    assert kept == records


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_has_a_section(claim):
    assert re.search(rf"^### {claim.name}[. ]", TEXT, re.MULTILINE)


def test_every_effect_that_is_quoted_is_that_of_its_hypothesis():
    quoted = re.findall(r"(C\d+[a-z]),? ([×+−]\S+ \[[^]]*\])", " ".join(TEXT.split()))
    assert len(quoted) >= 10
    for name, effect in quoted:
        assert effect == draw_findings.effect(VERDICTS[name]), name


def test_the_figure_is_whole_as_a_file_and_shows_every_claim_that_has_an_interval():
    # A page may forgive what a file does not: a prefix without its namespace.
    root = ElementTree.parse(draw_findings.DOCS / "findings.svg").getroot()
    assert root.tag.endswith("svg") and "viewBox" in root.attrib
    drawn = {row.label.split()[0] for row in draw_findings.rows(draw_findings.load())}
    measured = {
        verdict["claim"]
        for verdict in VERDICTS.values()
        if verdict["decides_claim"] and "[" in draw_findings.effect(verdict)
    }
    assert drawn == measured and len(drawn) >= 15


def test_what_is_kept_is_small_and_names_no_place_of_the_machine_that_made_it():
    files = [draw_findings.KEPT / name for name in draw_findings.FILES]
    assert (draw_findings.KEPT / "report.html").stat().st_size < 3e6
    for path in files:
        assert not re.search(r"/(tmp|home|root|work|Users)/", path.read_text(encoding="utf-8")), (
            path
        )


def test_the_command_that_makes_the_page_again_is_printed_on_it():
    page = (draw_findings.KEPT / "report.html").read_text(encoding="utf-8")
    command = (
        "python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard"
    )
    assert f"<code>{command}</code>" in page
    provenance = json.loads((draw_findings.KEPT / "provenance.json").read_text())
    assert provenance["versions"]["jax"]

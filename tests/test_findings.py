"""The findings and the README show the numbers of the study that is kept beside them."""

import dataclasses
import gzip
import json
import re
from xml.etree import ElementTree

import pytest

from docs import draw_findings
from lsgeo import study
from lsgeo.study import CLAIMS

TEXT = draw_findings.PAGES["findings"].read_text(encoding="utf-8")
VERDICTS = draw_findings.load()
KEPT_CLAIMS = list(dict.fromkeys(verdict["claim"] for verdict in VERDICTS.values()))


def shown(name):
    """The rows of the table that a page shows."""
    page = draw_findings.PAGES[name].read_text(encoding="utf-8")
    table = page.split(f"<!-- {name} -->\n\n")[1].split(f"\n\n<!-- end of {name} -->")[0]
    lines = table.split("\n")
    assert tuple(lines[:2]) == draw_findings.HEAD
    return lines[2:]


def check_table(name):
    """Every row of the kept study as it is drawn, in order; rows of claims that are ahead may be there."""
    rows = draw_findings.rows(VERDICTS, primary=name == "verdicts")
    ahead = {row for hypothesis, row in rows.items() if hypothesis not in VERDICTS}
    found = [row for row in shown(name) if row not in ahead]
    assert found == [row for row in rows.values() if row not in ahead], (
        "Draw the tables again: python -m docs.draw_findings"
    )


@pytest.mark.parametrize("name", draw_findings.PAGES)
def test_a_page_has_the_table_of_the_kept_verdicts(name):
    check_table(name)


@pytest.mark.parametrize("name", draw_findings.PAGES)
def test_a_claim_may_be_ahead_of_the_kept_study_and_is_not_yet_run(name, monkeypatch):
    hypothesis = dataclasses.replace(CLAIMS[0].hypotheses[0], name="C99a", statement="It is new")
    new = dataclasses.replace(CLAIMS[0], name="C99", hypotheses=(hypothesis,))
    monkeypatch.setattr(study, "CLAIMS", (CLAIMS[0], new, *CLAIMS[1:]))
    check_table(name)
    rows = draw_findings.rows(VERDICTS, primary=name == "verdicts")
    label = "C99" if name == "verdicts" else "**C99a**"
    assert rows["C99a"] == f"| {label} | It is new | not yet run |  |  |  |"
    assert len(draw_findings.effects(VERDICTS)) == len(figure_labels())


def test_the_order_and_the_wording_of_the_tables_are_those_of_the_records(monkeypatch):
    first = CLAIMS[1].hypotheses[0]
    reworded = dataclasses.replace(first, statement="In other words")
    changed = dataclasses.replace(CLAIMS[1], hypotheses=(reworded, *CLAIMS[1].hypotheses[1:]))
    monkeypatch.setattr(study, "CLAIMS", (changed, CLAIMS[0]))
    rows = draw_findings.rows(VERDICTS, primary=True)
    assert list(rows) == [first.name, CLAIMS[0].hypotheses[0].name]
    assert rows[first.name].startswith("| C2 | In other words | ✕ contradicted | ×1.00 ")


def test_a_kept_verdict_was_decided_at_the_threshold_and_on_the_columns_of_its_record():
    for hypothesis in (hypothesis for claim in CLAIMS for hypothesis in claim.hypotheses):
        if verdict := VERDICTS.get(hypothesis.name):
            assert verdict["columns"] == list(hypothesis.contrast.columns), hypothesis.name
            # A study from before every metric had a bar with its reason was decided at other bars, and says so.
            if "threshold_reason" in verdict:
                asked = hypothesis.smallest, hypothesis.reason
                found = verdict["threshold"], verdict["threshold_reason"]
                assert found == asked, hypothesis.name


def test_every_kept_verdict_is_that_of_a_record():
    # Of one that is gone, or was renamed, no table would show anything.
    assert set(VERDICTS) <= {hypothesis.name for claim in CLAIMS for hypothesis in claim.hypotheses}


@pytest.mark.parametrize("name", KEPT_CLAIMS)
def test_every_claim_that_is_kept_has_a_section(name):
    assert re.search(rf"^### {name}[. ]", TEXT, re.MULTILINE)


def test_every_effect_that_is_quoted_is_that_of_its_hypothesis():
    quoted = re.findall(r"(C\d+[a-z]),? ([×+−]\S+ \[[^]]*\])", " ".join(TEXT.split()))
    assert len(quoted) >= 10
    for name, effect in quoted:
        assert effect == draw_findings.effect(VERDICTS[name]), name


def figure_labels():
    """Names of the claims that findings.svg shows."""
    # A page may forgive what a file does not: a prefix without its namespace.
    root = ElementTree.parse(draw_findings.DOCS / "findings.svg").getroot()
    assert root.tag.endswith("svg") and "viewBox" in root.attrib
    return {word for text in root.itertext() for word in re.findall(r"^\s*(C\d+) ", text)}


def test_the_figure_shows_every_claim_that_has_an_interval():
    measured = {
        verdict["claim"]
        for verdict in VERDICTS.values()
        if verdict["decides_claim"] and "[" in draw_findings.effect(verdict)
    }
    assert figure_labels() == measured and len(measured) >= 15


def test_what_is_kept_is_small_and_names_no_place_of_the_machine_that_made_it():
    files = (path for path in draw_findings.DOCS.rglob("*") if "__pycache__" not in path.parts)
    assert sum(path.stat().st_size for path in files if path.is_file()) < 5e6
    assert (draw_findings.KEPT / "report.html").stat().st_size < 3e6  # the page, without a network
    for name in draw_findings.FILES:
        assert not re.search(r"/(tmp|home|root|work|Users)/", draw_findings.read(name)), name


def test_a_study_is_kept_with_its_tables_compressed_to_the_same_bytes_every_time(
    tmp_path, monkeypatch
):
    for name in draw_findings.FILES:
        (tmp_path / name.removesuffix(".gz")).write_text(draw_findings.read(name))
    monkeypatch.setattr(draw_findings, "KEPT", tmp_path / "kept")
    draw_findings.keep(tmp_path)
    assert {path.name for path in draw_findings.KEPT.iterdir()} == set(draw_findings.FILES)
    table = (draw_findings.KEPT / "results.csv.gz").read_bytes()
    assert table[4:8] == bytes(4)  # the time of compression (RFC 1952, section 2.3)
    assert gzip.decompress(table) == (tmp_path / "results.csv").read_bytes()
    assert draw_findings.load() == VERDICTS


def test_the_command_that_makes_the_page_again_is_printed_on_it():
    command = (
        "python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard"
    )
    assert f"<code>{command}</code>" in draw_findings.read("report.html")
    assert json.loads(draw_findings.read("provenance.json"))["versions"]["jax"]

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

TEXT = draw_findings.FINDINGS.read_text(encoding="utf-8")
KEPT, LAWS = draw_findings.load(), draw_findings.load_laws()
VERDICTS = draw_findings.current(KEPT)
KEPT_CLAIMS = list(dict.fromkeys(verdict["claim"] for verdict in KEPT.values()))
KEPT_FILES = [name for name in draw_findings.FILES if (draw_findings.KEPT / name).exists()]
AHEAD = "Draw the pages again: python -m docs.draw_findings"


def shown(name):
    """The lines that a page shows between its marks."""
    page = draw_findings.PAGES[name].read_text(encoding="utf-8")
    return page.split(f"<!-- {name} -->\n\n")[1].split(f"\n\n<!-- end of {name} -->")[0].split("\n")


@pytest.mark.parametrize("name", ["answer", "laws", "essay", "changes", "networks"])
def test_a_page_shows_what_is_drawn_of_the_kept_study(name):
    assert shown(name) == draw_findings.parts(VERDICTS, LAWS)[name], AHEAD


def test_the_table_of_verdicts_is_that_of_the_kept_ones():
    # Rows of claims that are ahead of the kept study may be there.
    assert tuple(shown("findings")[:2]) == draw_findings.HEAD
    rows = draw_findings.rows(VERDICTS)
    ahead = {row for hypothesis, row in rows.items() if hypothesis not in VERDICTS}
    found = [row for row in shown("findings")[2:] if row not in ahead]
    assert found == [row for row in rows.values() if row not in ahead], AHEAD


def test_a_claim_may_be_ahead_of_the_kept_study_and_is_not_yet_run(monkeypatch):
    hypothesis = dataclasses.replace(CLAIMS[0].hypotheses[0], name="C99a", statement="It is new")
    new = dataclasses.replace(CLAIMS[0], name="C99", hypotheses=(hypothesis,))
    monkeypatch.setattr(study, "CLAIMS", (CLAIMS[0], new, *CLAIMS[1:]))
    rows = draw_findings.rows(VERDICTS)
    assert rows["C99a"] == "| **C99a** | It is new | not yet run |  |  |  |"
    assert len(draw_findings.effects(VERDICTS)) == len(figure_labels())


def test_the_order_and_the_wording_of_the_tables_are_those_of_the_records(monkeypatch):
    first = CLAIMS[1].hypotheses[0]
    reworded = dataclasses.replace(first, statement="In other words")
    changed = dataclasses.replace(CLAIMS[1], hypotheses=(reworded,))
    other = dataclasses.replace(CLAIMS[0], hypotheses=CLAIMS[0].hypotheses[:1])
    monkeypatch.setattr(study, "CLAIMS", (changed, other))
    rows = draw_findings.rows(VERDICTS)
    assert list(rows) == [first.name, CLAIMS[0].hypotheses[0].name]
    assert rows[first.name].startswith("| **C2a** | In other words | not yet run |")


def planted_law(name, verdict, sentence):
    return {name: {"law": name, "verdict": verdict, "sentence": sentence, "stops": "at depth 99"}}


def test_the_answer_has_a_sentence_for_each_law_and_says_which_are_not_there():
    found = planted_law("L2", "holds", "It goes with the step size to the power of 1.0. And more.")
    lines = draw_findings.answer(found)
    assert [line.split(".")[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert lines[1].endswith("(● holds). It goes with the step size to the power of 1.0.")
    assert all("(not yet run)" in line for k, line in enumerate(lines) if k != 1)


def test_a_law_that_limits_a_sentence_changes_its_answer_and_a_kept_law_is_written_out():
    found = planted_law("L2", "holds", "It goes with the step size.")
    verdict = {**KEPT["C6a"], "verdict": "supported"}
    row = next(
        r for r in draw_findings.essay_rows({"C6a": verdict}, found) if "convergence rates" in r
    )
    assert "**only if** the learning rate may grow by what the skip allows" in row
    assert row.endswith("| L2 |")
    alone = next(
        r for r in draw_findings.essay_rows({"C6a": verdict}, {}) if "convergence rates" in r
    )
    assert "**true**" in alone and alone.endswith("| C6 |")
    text = "\n".join(draw_findings.law_sections(found))
    assert "### L2. " in text and ": holds\n" in text and "Where it stops: at depth 99" in text


def test_the_networks_of_the_kept_study_are_counted_from_its_table():
    lines = draw_findings.networks()[2:]
    rows = [row for row in draw_findings.read("results.csv.gz").splitlines()[1:]]
    # One row of each network is that of the whole run: the eighth field, its reading, is empty.
    names = draw_findings.read("results.csv.gz").splitlines()[0].split(",")
    whole = [row for row in rows if not row.split(",")[names.index("reading")]]
    assert sum(int(line.split("|")[-2]) for line in lines) == len(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": ["something else"]},
        {"findings": [{**KEPT["C3a"]["findings"][0], "arms": ["plain", "scaled"]}]},
        {"findings": [{**KEPT["C3a"]["findings"][0], "reading": "end"}]},
    ],
    ids=["columns", "arms", "reading"],
)
def test_a_kept_verdict_that_answers_an_earlier_question_is_not_yet_run(changes):
    assert "C3a" in draw_findings.current({"C3a": KEPT["C3a"]})
    other = draw_findings.current({"C3a": {**KEPT["C3a"], **changes}})
    assert other == {} and "not yet run" in draw_findings.rows(other)["C3a"]


def test_a_kept_verdict_was_decided_at_the_threshold_of_its_record():
    for name, verdict in VERDICTS.items():
        # A study from before every metric had a bar with its reason was decided at other bars, and says so.
        if "threshold_reason" in verdict:
            (asked,) = (h for claim in CLAIMS for h in claim.hypotheses if h.name == name)
            found = verdict["threshold"], verdict["threshold_reason"]
            assert found == (asked.smallest, asked.reason), name


def test_a_kept_verdict_of_a_hypothesis_that_is_gone_is_not_shown():
    assert draw_findings.current({"C99z": {**KEPT["C3a"], "hypothesis": "C99z"}}) == {}


@pytest.mark.parametrize("name", KEPT_CLAIMS)
def test_every_claim_that_is_kept_has_a_section(name):
    assert re.search(rf"^### {name}[. ]", TEXT, re.MULTILINE)


def test_every_effect_that_is_quoted_is_that_of_its_hypothesis():
    quoted = re.findall(r"(C\d+[a-z]),? ([×+−]\S+ \[[^]]*\])", " ".join(TEXT.split()))
    assert len(quoted) >= 10
    for name, effect in quoted:
        assert effect == draw_findings.effect(KEPT[name]), name


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
    assert figure_labels() == measured


def test_what_is_kept_is_small_and_names_no_place_of_the_machine_that_made_it():
    files = (path for path in draw_findings.DOCS.rglob("*") if "__pycache__" not in path.parts)
    assert sum(path.stat().st_size for path in files if path.is_file()) < 5e6
    assert (draw_findings.KEPT / "report.html").stat().st_size < 3e6  # the page, without a network
    for name in KEPT_FILES:
        assert not re.search(r"/(tmp|home|root|work|Users)/", draw_findings.read(name)), name


def test_a_study_is_kept_with_its_tables_compressed_to_the_same_bytes_every_time(
    tmp_path, monkeypatch
):
    for name in draw_findings.FILES:
        text = draw_findings.read(name) if name in KEPT_FILES else "[]"
        (tmp_path / name.removesuffix(".gz")).write_text(text)
    monkeypatch.setattr(draw_findings, "KEPT", tmp_path / "kept")
    draw_findings.keep(tmp_path)
    assert {path.name for path in draw_findings.KEPT.iterdir()} == set(draw_findings.FILES)
    table = (draw_findings.KEPT / "results.csv.gz").read_bytes()
    assert table[4:8] == bytes(4)  # the time of compression (RFC 1952, section 2.3)
    assert gzip.decompress(table) == (tmp_path / "results.csv").read_bytes()
    assert draw_findings.load() == KEPT


def test_the_command_that_makes_the_page_again_is_printed_on_it():
    command = (
        "python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard"
    )
    assert f"<code>{command}</code>" in draw_findings.read("report.html")
    assert json.loads(draw_findings.read("provenance.json"))["versions"]["jax"]

"""The page: whole, self-contained, escaped, in order, and saying every verdict in words."""

import dataclasses
import html.parser
import json
import math
import pathlib
import re

import numpy as np
import pytest

from lsgeo import plotting, study
from lsgeo.study import essay
from lsgeo.study import page as report
from lsgeo.study.essay import Judgement
from lsgeo.study.page import _laws
from tests.study.page import synthetic

VOID = {"meta", "link", "img", "br", "hr", "input"}
POISON = '<script>alert("x")</script>&'


class Page(html.parser.HTMLParser):
    """Collects tags and text, and fails on an end tag that closes something else."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


@pytest.fixture(scope="module")
def page():
    return report.render(synthetic.content())


def words(page):
    return " ".join(Page(page).text.split())


def data(page):
    return json.loads(re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)[1])


def test_page_is_well_formed_and_has_landmarks_and_one_main_heading(page):
    parsed = Page(page)
    assert parsed.open == []
    names = [tag for tag, _ in parsed.tags]
    assert [names.count(tag) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert ("html", {"lang": "en"}) in parsed.tags


def test_page_comes_in_the_order_that_a_reader_needs(page):
    ids = [attrs["id"] for tag, attrs in Page(page).tags if tag == "section" and "id" in attrs]
    claims = [f"claim-C{k}" for k in range(1, 6)]
    laws = [f"law-L{k}" for k in range(1, 6)]
    assert ids == [
        "laws",
        *laws,
        "essay",
        "changed",
        "verdicts",
        "forest",
        "claims",
        *claims,
        "explorer",
        "missing",
        "how-to-read",
        "provenance",
        "command",
    ]
    places = [page.index(text) for text in ("<h1", 'class="answer"', 'id="twins-app"', 'id="laws"')]
    assert places == sorted(places)


def test_the_answer_is_one_sentence_of_each_law_with_what_became_of_it(page):
    answer = re.search(r'<ol class="answer">(.*?)</ol>', page, re.DOTALL)[1]
    said = [" ".join(Page(item).text.split()) for item in answer.split("</li>")[:-1]]
    assert said == [
        "Title L1 ◐ holds within limits Sharpness grows with depth to the power of 2.5.",
        "Title L2 ● holds Speed goes with the step size to the power of 1.0.",
        "Title L3 ✕ fails Gradients do not vanish as theory says.",
        "Title L4 ◇ not measured Not measured: no network has a dense Hessian.",
        "Title L5 ● holds A norm is worth ×0.4 of a skip.",
    ]
    assert "More follows." in words(page)


def test_a_law_has_its_figure_wide_and_for_a_phone_and_says_where_it_stops(page):
    sections = {
        k: page[page.index(f'id="law-L{k}"') : page.index(f'id="law-L{k}-title">') + 90_000]
        for k in (1, 4)
    }
    first = sections[1].split('id="law-L2"')[0]
    assert first.count("<svg") == 2 and "for-narrow" in first and "At depth 32." in first
    assert "<svg" not in sections[4].split('id="law-L5"')[0]


def test_every_sentence_of_the_essay_has_an_answer_and_leads_to_what_shows_it(page):
    table, text = page[page.index('id="essay"') : page.index('id="changed"')], words(page)
    for one in synthetic.judgements():
        assert one.sentence.quote in text
        row = table[table.index(f'id="{one.sentence.name}"') :].split("</tr>")[0]
        assert f"{one.answer}</span>" in row
        assert ("href=" in row) is (
            one.link in {*(f"L{k}" for k in range(1, 6)), *"C1 C2 C3 C4 C5".split()}
        )
    assert table.count("<tr id=") == len(essay.SENTENCES)


def test_the_landscapes_travel_as_they_were_stored_and_both_twins_have_one_scale(page):
    sent = json.loads(re.search(r'id="twins-data">(.*?)</script>', page, re.DOTALL)[1])
    assert [one["name"] for one in sent] == ["MLP, layer norm", "MLP, no norm"]
    for one in sent[0]["landscapes"]:
        for side in (0, 1):
            values = 10 ** (np.array(one["values"][side]) / 100).reshape(one["size"], one["size"])
            # A hundredth of a decade is 2.3 %, and what is rounded is off by half of it at most.
            np.testing.assert_allclose(values, synthetic.plane(one["depth"], side), rtol=0.012)
    assert [one["depth"] for one in sent[0]["landscapes"]] == [4, 8, 16]
    held = {(one["side"], one["depth"]): one for one in sent[0]["extremes"]}
    assert held[0, 16]["high"] == [512.0, 256.0, 2304.0] and held[0, 16]["bound"]
    assert held[1, 4]["low"] == [-6.0, -9.0, -3.0] and not held[1, 4]["bound"]


def test_page_says_every_verdict_in_words_with_its_numbers(page):
    text = words(page)
    for verdict in synthetic.decide():
        assert verdict.hypothesis.statement in text
        for finding in verdict.findings:
            value = finding.effect.value
            ratio = verdict.hypothesis.contrast.is_ratio
            assert (report.factor(value) if ratio else report.number(value)) in text
    for said in (
        "1 is supported (C1), 1 is contradicted (C5), 1 depends on the protocol (C2) and",
        "2 are undecided (C3, C4)",
        "supported in 4, contradicted in 4 of 8 conditions",
        "It depends on normalisation: it holds for layer norm, and not for no norm.",
        "not measured here",
        "agrees: the trace rises at every depth (Yao et al. 2020)",
        "disagrees: it falls (Nobody 1999)",
        "agrees in part: it falls",
        "another quantity (Someone 2001): not comparable",
        "python -m experiments.study --only=C2",
        "no run measures absent.",
        "runs/MLP-x is damaged.",
    ):
        assert said in text


def test_an_undecided_hypothesis_says_how_many_more_seeds_it_needs(page):
    undecided = next(v for v in synthetic.decide() if v.hypothesis.name == "C3a")
    low, high = undecided.seeds_needed.low - 5, undecided.seeds_needed.high
    assert low > 0 and high == math.inf  # it is noise around no effect
    assert f"needs {low} more seeds, or more than 1000" in words(page)


def test_each_claim_has_its_primary_hypothesis_first_and_marked(page):
    rows = re.findall(
        r"<tr( class=\"primary\")?>\s*<th scope=\"row\"><span class=\"name\">(\w+)", page
    )
    assert [(name, bool(mark)) for mark, name in rows] == [
        ("C1a", True),
        ("C1b", False),
        ("C2a", True),
        ("C3a", True),
        ("C4a", True),
        ("C5a", True),
    ]


def test_every_column_and_row_of_a_table_is_headed_and_every_cell_says_what_it_is(page):
    parsed = Page(page).tags
    for place, (tag, attrs) in enumerate(parsed):
        if tag == "th":
            assert attrs["scope"] in ("col", "row", "rowgroup")
        if tag == "table":
            assert "cards" in attrs["class"].split() and parsed[place - 1][1]["class"] == "table"
            assert "aria-labelledby" in attrs or "aria-label" in attrs
    cells = [a for tag, a in parsed if tag == "td" and a.get("class") != "picture-cell"]
    unnamed = [a for a in cells if "data-label" not in a]
    assert len(cells) > 50 and len(unnamed) == len(synthetic.content().provenance)


def test_page_asks_for_nothing_outside_itself(page):
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "") and "@import" not in page
    for _, attrs in Page(page).tags:
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert "default-src 'none'" in page


def test_page_escapes_every_value():
    published = (study.Published(POISON, POISON, 1),)
    one = synthetic.hypothesis("C1a", synthetic.LogRatio("sharp"), published=published)
    one = dataclasses.replace(
        one, statement=POISON, metric_name=POISON, falsifier=POISON, unit=POISON
    )
    claim = study.Claim("C1", POISON, POISON, (one,), POISON, POISON, POISON)
    verdicts = study.decide([claim], synthetic.rows(), synthetic.DESIGNS)
    network = dataclasses.replace(synthetic.network("without skips", 4), arm=POISON, family=POISON)
    poisoned = synthetic.law(1, "holds", POISON)
    named = dataclasses.replace(
        poisoned.law, title=POISON, question=POISON, statement=POISON, limits=POISON
    )
    poisoned = dataclasses.replace(poisoned, law=named, stops=POISON, curves=())
    sentence = dataclasses.replace(essay.SENTENCES[0], quote=POISON, meaning=POISON)
    page = report.render(
        synthetic.content(
            title=POISON,
            answer=POISON,
            claims=[report.ClaimSection(verdicts, POISON, [POISON], [POISON])],
            forest=report.Figure(POISON, POISON, "<svg></svg>", POISON),
            explorer=report.Explorer([network], 0.5, POISON),
            figures=[report.Figure(POISON, POISON, b"\x89PNG\r\n\x1a\n", POISON)],
            failures=[POISON],
            unmeasured={POISON: POISON},
            problems=[POISON],
            provenance={POISON: POISON},
            command=POISON,
            laws=_laws.sections([poisoned]),
            twins=[synthetic.twins(POISON)],
            picture=report.Figure(POISON, POISON, b"\x89PNG\r\n\x1a\n", POISON),
            essay=[Judgement(sentence, "only if", POISON, POISON, POISON, POISON)],
            changed={POISON: POISON},
        )
    )
    parsed = Page(page)
    assert [tag for tag, _ in parsed.tags].count("script") == 5
    described = [attrs["alt"] for tag, attrs in parsed.tags if tag == "img"]
    described += [a["aria-label"] for tag, a in parsed.tags if tag == "svg" and "aria-label" in a]
    assert described == [POISON] * 3
    assert data(page)["networks"][0]["arm"] == POISON


def test_every_picture_is_described_or_hidden_and_no_id_occurs_twice(page):
    tags = Page(page).tags
    pictures = [attrs for tag, attrs in tags if tag in ("img", "svg")]
    described = [a for a in pictures if a.get("alt") or a.get("aria-label")]
    # The landscapes, the forest, two fixed pictures, and four laws that have one, wide and narrow.
    assert len(described) == 1 + 1 + 2 + 2 * 4
    assert all(a["aria-hidden"] == "true" for a in pictures if a not in described)
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_references_find_their_targets(page):
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    targets = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    targets += [
        name for names in re.findall(r'aria-labelledby="([^"]+)"', page) for name in names.split()
    ]
    assert targets and set(targets) <= ids


def test_strips_put_every_seed_where_its_number_is(page):
    verdict = next(v for v in synthetic.decide() if v.hypothesis.name == "C2a")
    found = re.findall(r'class="dots" d="([^"]+)"', page)
    start = 6  # after the findings of C1
    ticks = re.findall(r'<text x="([\d.]+)" y="11">×(\d+\.?\d*)</text>', page)
    # Two ticks of its scale place all others: the scale is logarithmic.
    scale = [(float(x), math.log(float(f))) for x, f in ticks[4:7]]
    slope = (scale[2][0] - scale[0][0]) / (scale[2][1] - scale[0][1])
    for dots, finding in zip(found[start:], verdict.findings, strict=False):
        places = [float(x) for x in re.findall(r"M([\d.]+) ", dots)]
        expected = [scale[1][0] + slope * value for value in finding.sample.values]
        assert places == pytest.approx(expected, abs=0.6)


def test_a_page_without_measurements_failures_or_figures_says_so():
    bare = synthetic.content(
        claims=[],
        laws=[],
        twins=[],
        picture=None,
        essay=[],
        changed={},
        forest=None,
        explorer=None,
        figures=[],
        failures=[],
        unmeasured={},
        problems=[],
        provenance={},
        command="",
    )
    page = report.render(bare)
    text = words(page)
    for said in ("No claim was measured.", "None: every network reached", "None: every run was"):
        assert said in text
    assert "Make this page again" not in text and "<script" not in page


def test_the_looks_of_arms_come_from_their_records_alone():
    folder = pathlib.Path(report.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in folder.glob("*.jinja")]
    for arm in study.ARMS.values():
        assert not any(f"{plotting.css_variable(arm.label)})" in source for source in sources)
    page = report.render(synthetic.content())
    slots = re.findall(r"\.slot-(\d) \{ --slot: var\((.+?)\); \}", page)
    first = list(study.ARMS.values())[:3]
    assert slots == [(str(k), plotting.css_variable(arm.label)) for k, arm in enumerate(first)]

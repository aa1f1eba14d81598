"""The page: whole, self-contained, escaped, in order, and saying every verdict in words."""

import dataclasses
import html.parser
import json
import math
import pathlib
import re

import pytest

from lsgeo import plotting, study
from lsgeo.study import page as report
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
    assert ids == [
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
    assert page.index('class="answer"') < page.index('id="verdicts"')


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


def test_every_column_and_row_of_a_table_is_headed_and_every_table_scrolls_by_itself(page):
    parsed = Page(page).tags
    for place, (tag, attrs) in enumerate(parsed):
        if tag == "th":
            assert attrs["scope"] in ("col", "row", "rowgroup")
        if tag == "table":
            around = parsed[place - 1][1]
            assert around["class"] == "scroll" and around["tabindex"] == "0"
            assert "aria-labelledby" in around or "aria-label" in around


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
        )
    )
    parsed = Page(page)
    assert [tag for tag, _ in parsed.tags].count("script") == 3
    described = [attrs["alt"] for tag, attrs in parsed.tags if tag == "img"]
    described += [a["aria-label"] for tag, a in parsed.tags if tag == "svg" and "aria-label" in a]
    assert described == [POISON, POISON]
    assert data(page)["networks"][0]["arm"] == POISON


def test_every_picture_is_described_or_hidden_and_no_id_occurs_twice(page):
    tags = Page(page).tags
    pictures = [attrs for tag, attrs in tags if tag in ("img", "svg")]
    described = [a for a in pictures if a.get("alt") or a.get("aria-label")]
    assert len(described) == 3
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

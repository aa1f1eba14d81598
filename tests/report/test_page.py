"""The page: whole, self-contained, escaped, and saying every verdict in words."""

import dataclasses
import html.parser
import math
import re

import pytest

from lsgeo import plotting
from lsgeo.report import VERDICTS, Figure, ReportContent, VerdictRow, render

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8
VOID = {"meta", "link", "img", "br", "hr", "input"}


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
        if "style" not in self.open:
            self.text += data


def row(**changes):
    plain = VerdictRow(
        claim="C3",
        statement="Skips widen basins.",
        family="MLP",
        metric="λmax",
        effect=math.log(3.0),
        lower=math.log(2.0),
        upper=math.log(4.0),
        num_seeds=5,
        threshold=0.0,
        verdict="supported",
        note="4/5 seeds same sign",
    )
    return dataclasses.replace(plain, **changes)


def content(**changes):
    drawn = []
    for _ in range(2):
        figure, ax = plotting.new_figure()
        plotting.effect_forest([row()], ax)
        drawn.append(plotting.to_svg(figure))
    plain = ReportContent(
        title="A question?",
        headline=["The answer.", "A second sentence."],
        verdicts=[
            row(),
            row(claim="C2", verdict="contradicted", effect=-1.0, lower=-2.0, upper=-0.5),
            row(
                claim="C9",
                verdict="undecided",
                effect=math.nan,
                lower=math.nan,
                upper=math.nan,
                num_seeds=0,
            ),
        ],
        figures=[
            Figure(f"Picture {i}", "How to read it.", svg, "All rows.")
            for i, svg in enumerate(drawn)
        ]
        + [Figure("A bitmap", "Words.", PNG, "A bitmap of nothing.")],
        failures=["MLP of depth 32 without skips, seed 4: diverged."],
        provenance={"jax": "0.10", "data": "digits"},
        command="python -m experiments.report",
    )
    return dataclasses.replace(plain, **changes)


def test_page_is_well_formed_and_has_landmarks_and_one_main_heading():
    page = Page(render(content()))
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert [names.count(tag) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert ("html", {"lang": "en"}) in page.tags


def test_page_says_every_verdict_in_words_with_its_numbers():
    text = " ".join(Page(render(content())).text.split())
    for word in VERDICTS:
        assert f"1 {word}" in text
    for said in ("×3 [×2, ×4]", "log-ratio +1.10", "×0.37", "no estimate", "4/5 seeds same sign"):
        assert said in text


def test_page_comes_in_the_order_answer_verdicts_figures_failures_glossary_provenance_command():
    ids = [attrs["id"] for tag, attrs in Page(render(content())).tags if tag == "section"]
    expected = ["verdicts", "figures", "failures", "how-to-read", "provenance", "command"]
    assert ids == expected
    page = render(content())
    assert page.index("The answer.") < page.index('id="verdicts"')


def test_page_asks_for_nothing_outside_itself():
    page = render(content())
    assert "://" not in page and "@import" not in page
    for _, attrs in Page(page).tags:
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            assert attrs.get(name, "#").startswith(("#", "data:"))


def test_page_escapes_every_value():
    poison = '<script>alert("x")</script>&'
    page = render(
        content(
            title=poison,
            headline=[poison],
            verdicts=[
                row(claim=poison, statement=poison, family=poison, metric=poison, note=poison)
            ],
            figures=[
                Figure(poison, poison, PNG, poison),
                Figure(poison, poison, "<svg></svg>", poison),
            ],
            failures=[poison],
            provenance={poison: poison},
            command=poison,
        )
    )
    assert "<script" not in page
    described = [attrs["alt"] for tag, attrs in Page(page).tags if tag == "img"]
    described += [attrs["aria-label"] for tag, attrs in Page(page).tags if tag == "svg"]
    assert described == [poison, poison]


def test_every_picture_is_described_and_no_id_occurs_twice():
    page = Page(render(content()))
    pictures = [attrs for tag, attrs in page.tags if tag in ("img", "svg")]
    assert len(pictures) == 3
    assert all(attrs.get("alt") or attrs.get("aria-label") for attrs in pictures)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_references_inside_pictures_find_their_targets():
    page = render(content())
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    targets = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    assert targets and set(targets) <= ids


def test_page_has_a_dark_scheme_a_phone_layout_a_print_layout_and_scrolling_tables():
    page = render(content())
    for media in ("prefers-color-scheme: dark", "max-width: 40rem", "print"):
        assert f"@media ({media})" in page or f"@media {media}" in page
    parsed = Page(page).tags
    assert (
        "meta",
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    ) in parsed
    for place, (tag, _) in enumerate(parsed):
        if tag == "table":
            assert parsed[place - 1][1]["class"] == "scroll"


def test_a_page_without_measurements_failures_or_figures_says_so():
    text = Page(
        render(content(verdicts=[], figures=[], failures=[], provenance={}, command=""))
    ).text
    assert "No claim was measured." in text and "None: every network reached" in text
    assert "Make this page again" not in text


@pytest.mark.parametrize(
    ("upper", "shown"), [(math.inf, "∞]"), (math.log(1234), "×1234]"), (20.0, "×10^8.7]")]
)
def test_wide_intervals_are_shown_in_full(upper, shown):
    assert shown in render(content(verdicts=[row(upper=upper)]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: row(verdict="true"), r"`verdict` of C3 must be one of supported, .*got 'true'"),
        (lambda: row(lower=2.0), r"`lower` and `upper` of C3 must enclose `effect`"),
        (
            lambda: row(effect=math.nan),
            r"`verdict` of C3 must be undecided where there is no effect",
        ),
        (lambda: Figure("a", "b", "<img>", "c"), r"`image` of the figure 'a' must be an <svg>"),
        (lambda: Figure("a", "b", b"GIF", "c"), r"`image` of the figure 'a' must be an <svg>"),
        (lambda: Figure("a", "b", PNG, " "), r"`alt` of the figure 'a' must describe it"),
        (lambda: content(headline="One."), r"`headline` must be a list of sentences"),
        (lambda: content(headline=[]), r"`headline` must hold at least one sentence"),
        (lambda: content(failures="One."), r"`failures` must be a list of sentences"),
    ],
)
def test_bad_content_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()

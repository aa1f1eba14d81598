"""Numbers as a reader sees them, and content that is refused where it comes in."""

import dataclasses
import math

import pytest

from lsgeo import study
from lsgeo.study import page as report
from lsgeo.study.page import words
from tests.study.page import synthetic


@pytest.mark.parametrize(
    ("upper", "shown"), [(math.inf, "∞"), (math.log(1234), "×1234"), (20.0, "×10^8.7")]
)
def test_wide_intervals_are_shown_in_full(upper, shown):
    assert report.factor(upper) == shown


def section(**changes):
    verdict = next(v for v in synthetic.decide() if v.findings)
    return report.ClaimSection([dataclasses.replace(verdict, **changes)])


def wrong_interval():
    verdict = synthetic.decide()[0]
    effect = dataclasses.replace(verdict.primary.effect, lower=99.0)
    return section(findings=(dataclasses.replace(verdict.primary, effect=effect),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: section(decision="true"), r"`decision` of C1a must be one of supported, .*'true'"),
        (lambda: section(findings=()), r"`decision` of C1a must be undecided where there is no"),
        (wrong_interval, r"`effect` of a finding of C1a must lie in its interval"),
        (
            lambda: report.ClaimSection(synthetic.decide()),
            r"must be of one claim; got C1 and C2",
        ),
        (lambda: report.ClaimSection([]), r"`verdicts` of a claim must hold at least one"),
        (
            lambda: synthetic.content(claims=[section(), section()]),
            r"`claims` must name each claim once; got C1, C1",
        ),
        (
            lambda: report.Figure("a", "b", "<img>", "c"),
            r"`image` of the figure 'a' must be an <svg>",
        ),
        (
            lambda: report.Figure("a", "b", b"GIF", "c"),
            r"`image` of the figure 'a' must be an <svg>",
        ),
        (
            lambda: report.Figure("a", "b", "<svg></svg>", " "),
            r"`alt` of the figure 'a' must describe",
        ),
        (lambda: synthetic.content(answer=" "), r"`answer` must hold at least one sentence"),
        (lambda: synthetic.content(failures="One."), r"`failures` must be a list of sentences"),
    ],
)
def test_bad_content_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("pairs", "needed", "said"),
    [
        (0, None, "no number at its primary condition"),
        (1, None, "needs 2 more seeds at least"),
        (2, None, "needs 1 more seed at least"),
        (5, (6, 6, 6), "needs 1 more seed"),
        (5, (6, 49, 60), "needs 1 to 55 more seeds"),
        (5, (9, 49, math.inf), "needs 4 more seeds, or more than 1000"),
        (5, (math.inf,) * 3, "needs more than 1000 seeds"),
        (5, None, "needs more than 1000 seeds"),
    ],
)
def test_an_undecided_verdict_says_how_many_seeds_it_lacks(pairs, needed, said):
    verdict = next(v for v in synthetic.decide() if v.findings)
    effect = dataclasses.replace(verdict.primary.effect, num_pairs=pairs)
    first = dataclasses.replace(verdict.primary, effect=effect)
    undecided = dataclasses.replace(
        verdict,
        decision="undecided",
        findings=(first,),
        seeds_needed=needed and study.SeedsNeeded(*needed),
    )
    assert words.missing_seeds(undecided) == said
    assert words.missing_seeds(dataclasses.replace(undecided, decision="supported")) == ""

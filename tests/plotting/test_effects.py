"""Forest plots: factors and multiples of thresholds, missing and endless intervals, marks by verdict."""

import dataclasses
import math

import numpy as np
import pytest

from lsgeo import plotting


@dataclasses.dataclass(frozen=True)
class Row(plotting.EffectRow):
    label: str = "C3a Basins are wider"
    value: float = 1.0
    lower: float = 0.5
    upper: float = 2.0
    threshold: float = 0.1
    verdict: str = "supported"


def drawn(rows, **options):
    figure, ax = plotting.new_figure()
    plotting.effect_forest(rows, ax, **options)
    return figure, ax


def interval(ax, row):
    return next(line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [row, row])


def texts(ax):
    return "\n".join(text.get_text() for text in ax.texts)


def test_ratios_are_drawn_as_factors_and_missing_ones_are_named():
    _, ax = drawn([Row(), Row(value=math.nan, verdict="undecided"), Row(upper=math.inf)])
    assert ax.get_xscale() == "log" and "(" in ax.get_xlabel()
    np.testing.assert_allclose(interval(ax, 0), np.exp([0.5, 2.0]))
    assert "no number: undecided" in texts(ax) and "×2.72  supported" in texts(ax)
    assert [line.get_marker() for line in ax.lines].count(">") == 1
    assert [label.get_text() for label in ax.get_yticklabels()] == ["C3a Basins are wider"] * 3


def test_differences_are_drawn_in_multiples_of_their_own_thresholds():
    rows = [Row(value=2.0, lower=1.0, upper=3.0, threshold=t) for t in (0.5, 2.0)]
    _, ax = drawn(rows, ratios=False)
    np.testing.assert_allclose(interval(ax, 0), [2.0, 6.0])
    np.testing.assert_allclose(interval(ax, 1), [0.5, 1.5])
    assert "+2  supported" in texts(ax)
    _, ax = drawn([Row(value=2.0, lower=1.0, upper=3.0, threshold=0.0)], ratios=False)
    np.testing.assert_allclose(interval(ax, 0), [1.0, 3.0])


def test_an_interval_that_reaches_far_ends_in_an_arrow_and_does_not_squeeze_the_others():
    rows = [Row(), Row(value=4.0, lower=-900.0, upper=9.9, verdict="undecided")]
    for ratios, ends in ((True, (0.99e-3, 1.01e3)), (False, (-31.0, 31.0))):
        _, ax = drawn(rows, ratios=ratios)
        assert ax.get_xlim()[0] >= ends[0] and ax.get_xlim()[1] <= ends[1]
        markers = [line.get_marker() for line in ax.lines]
        assert markers.count("<") == 1 and markers.count(">") == 1


def test_every_verdict_has_a_mark_of_its_own():
    verdicts = ("supported", "contradicted", "depends on protocol", "undecided")
    _, ax = drawn([Row(verdict=verdict) for verdict in verdicts])
    marks = [line.get_marker() for line in ax.lines if line.get_marker() not in ("None", "")]
    assert len(set(marks)) == len(verdicts)


def test_svg_is_the_same_twice_and_holds_no_address():
    pages = [plotting.to_svg(drawn([Row()])[0]) for _ in range(2)]
    assert pages[0] == pages[1] and "://" not in pages[0]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "`rows` must hold at least one effect"),
        ([Row(verdict="maybe")], {}, "Unknown verdict: 'maybe'"),
    ],
)
def test_bad_arguments_are_refused_by_name(rows, options, message):
    with pytest.raises(ValueError, match=message):
        drawn(rows, **options)


def test_a_long_label_has_two_lines_of_whole_words():
    said = "C1c With depth negative curvature grows more without skip connections " * 3
    _, ax = drawn([Row(label=said)])
    lines = ax.get_yticklabels()[0].get_text().split("\n")
    assert len(lines) == 2 and all(len(line) <= 54 for line in lines)
    assert (
        " ".join(lines).removesuffix(" …").split()
        == said.split()[: len(" ".join(lines).split()) - 1]
    )


def test_ratios_and_others_have_an_axis_each_and_no_row_is_lost():
    rows = [Row("a"), Row("b", is_ratio=False), Row("c")]
    axes = plotting.effect_forests(rows).axes
    shown = [[label.get_text() for label in ax.get_yticklabels()] for ax in axes]
    assert shown == [["a", "c"], ["b"]]
    assert [ax.get_xscale() for ax in axes] == ["log", "symlog"]
    (one,) = plotting.effect_forests(rows[1:2]).axes
    assert one.get_xscale() == "symlog"
    with pytest.raises(ValueError, match="`rows` must hold at least one effect"):
        plotting.effect_forests([])

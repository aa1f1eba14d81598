"""Laws are drawn with what they say: bounds open and with arrows, predictions dashed, exponents by name."""

import dataclasses
import math

import numpy as np
import pytest

from lsgeo.plotting import law, law_panels, new_figure
from lsgeo.study.laws import Curve, Fitted

AXES = {"x": "depth (blocks)", "y": "sharpness (nats / parameter²)"}


def _curve(label, value=(10.0, 20.0, 40.0), **fields):
    value = tuple(value)
    looks = {"x": (4.0, 8.0, 16.0), "bound": (False,) * len(value)} | fields
    lower, upper = ([factor * v for v in value] for factor in (0.8, 1.25))
    found = Curve(
        label, "plain", "MLP", "none", looks.pop("x"), value, lower, upper, looks.pop("bound")
    )
    return dataclasses.replace(found, **looks)


def _drawn(*curves, **options):
    figure, ax = new_figure()
    law(curves, ax, **AXES, **options)
    figure.draw_without_rendering()
    return ax


def _texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_a_bound_is_open_with_an_arrow_and_a_number_is_neither():
    ax = _drawn(_curve("skip", bound=(False, False, True)))
    points = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [point.get_markerfacecolor() for point in points].count("none") == 1
    arrows = [text for text in ax.texts if text.arrow_patch is not None]
    assert [arrow.xy for arrow in arrows] == [(16.0, 40.0)] and arrows[0].xyann[1] > 0
    assert "open: a bound" in ax.get_xlabel()
    below = _drawn(_curve("skip", bound=(True, False, False), sides=(-1, 0, 0)))
    assert [t.xyann[1] < 0 for t in below.texts if t.arrow_patch is not None] == [True]
    assert "bound" not in _drawn(_curve("skip")).get_xlabel()


def test_an_exponent_stands_beside_its_line_and_says_where_it_is_a_bound():
    exponents = {
        "power 0.72": Fitted(0.72, 0.3, 1.1, 5),
        "power ≥2.48": Fitted(2.48, 2.2, math.inf, 5, 1),
        "power ≤1.00": Fitted(1.0, -math.inf, 1.5, 5, -1),
        "power −0.06": Fitted(-0.06, -0.2, 0.1, 5),
    }
    for text, exponent in exponents.items():
        assert any(text in one for one in _texts(_drawn(_curve("skip", exponent=exponent))))
    unknown = Fitted(math.nan, -math.inf, math.inf, 2)
    assert not any("power" in one for one in _texts(_drawn(_curve("skip", exponent=unknown))))


def test_predicted_lines_are_dashed_and_drawn_once_where_all_are_one():
    def dashed(*curves):
        lines = _drawn(*curves).lines
        return [
            line for line in lines if line.get_linestyle() == "--" and line.get_linewidth() == 1
        ]

    apart = dashed(_curve("a skip", predicted=(1, 2, 3)), _curve("another", predicted=(9, 9, 9)))
    assert len(apart) == 2
    heights = {tuple(line.get_ydata()) for line in apart}
    assert {(1, 2, 3), (9, 9, 9)} <= heights
    one = _curve("skip", x=(1.0, 3.0, 9.0), predicted=(1.0, 3.0, 9.0))
    other = _curve("scaled skip", x=(2.0, 4.0, 5.0), predicted=(2.0, 4.0, 5.0))
    (line,) = dashed(one, other)
    assert list(line.get_xdata()) == [1, 2, 3, 4, 5, 9] == list(line.get_ydata())


def test_what_has_no_number_is_left_out_and_nothing_at_all_is_refused():
    ax = _drawn(_curve("skip", (10.0, math.nan, 40.0)))
    points = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [float(point.get_xdata()[0]) for point in points] == [4.0, 16.0]
    _, ax = new_figure()
    with pytest.raises(ValueError, match="`curves` must hold a curve with a value"):
        law([_curve("skip", (math.nan,) * 3)], ax, **AXES)
    with pytest.raises(ValueError, match="`curves` must hold a curve with a value"):
        law_panels([], **AXES)
    # A share of 0 has a place on a linear axis alone.
    assert len(_drawn(_curve("skip", (0.0, 0.1, 0.2)), log_y=False).lines) > 3


def test_panels_share_their_heights_and_what_is_left_out_is_counted():
    curves = [_curve("skip", np.array([1.0, 2, 4]) * 10**k, panel=f"panel {k}") for k in range(6)]
    figure = law_panels(curves, **AXES)
    assert len(figure.axes) == 4 and len({ax.get_ylim() for ax in figure.axes}) == 1
    assert "the first 4 of 6 panels" in [text.get_text() for text in figure.texts]
    three = law_panels(curves[:3], **AXES)
    assert [ax.axison for ax in three.axes] == [True, True, True, False]


def test_on_a_phone_all_writing_is_on_the_picture():
    labels = (
        "no skip, layer norm",
        "skip, layer norm",
        "scaled skip",
        "identity-biased",
        "learnable skip",
    )
    curves = [
        _curve(
            label,
            bound=(False, False, True),
            exponent=Fitted(2.48, 2.2, math.inf, 5, 1),
            panel=f"a long title of a panel: {panel}",
        )
        for panel in ("one", "two")
        for label in labels
    ]
    long = {"x": "ratio of the largest stable rates (with / without skips)", "y": AXES["y"]}
    figure = law_panels(curves, **long, phone=True)
    figure.draw_without_rendering()
    assert figure.get_figwidth() * 96 == pytest.approx(340, abs=1)
    whole = figure.bbox
    for ax in figure.axes:
        writing = [
            ax.xaxis.label,
            ax.yaxis.label,
            *ax.get_legend().get_texts(),
            *ax.get_xticklabels(),
        ]
        for text in (text for text in writing if text.get_text()):
            box = text.get_window_extent()
            assert whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1, text.get_text()
            assert whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1, text.get_text()
            assert text.get_fontsize() * 96 / 72 >= 10
        assert len(ax.get_legend().get_texts()) == len(labels)
        assert ax.get_window_extent().width > 150

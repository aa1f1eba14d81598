"""The figure of all measures of sharpness: factors of the first network, filled where invariant."""

import dataclasses
import math

import numpy as np
import pytest

from lsgeo import plotting


@dataclasses.dataclass(frozen=True)
class Row:
    measure: str
    value: float
    lower: float
    upper: float
    invariant_under: tuple[str, ...] = ()


def arms():
    return {
        "skip": [Row("trace", 2.0, 1.0, 4.0), Row("Fisher-Rao", 5.0, 5.0, 5.0, ("units",))],
        "no skip": [Row("trace", 20.0, -1.0, math.inf), Row("Fisher-Rao", -3.0, -4.0, -2.0)],
    }


def drawn(rows):
    figure, ax = plotting.new_figure()
    plotting.sharpness_battery(rows, ax)
    return figure, ax


def test_measures_are_drawn_as_factors_of_the_first_arm_with_their_intervals():
    _, ax = drawn(arms())
    points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose([line.get_xdata()[0] for line in points], [1, 1, 10])
    filled = [line.get_markerfacecolor() != "none" for line in points]
    assert filled == [False, True, False]
    spans = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(spans[0], [0.5, 2.0])
    # Both ends of the other trace are unknown: the line runs from edge to edge.
    np.testing.assert_allclose(spans[2], ax.get_xlim())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["trace", "Fisher-Rao"]


def test_a_value_that_has_no_factor_is_named_and_not_drawn():
    _, ax = drawn(arms())
    assert "-3" in [text.get_text() for text in ax.texts]
    assert "(factor)" in ax.get_xlabel() and "skip" in ax.get_xlabel()


def test_svg_is_the_same_twice():
    assert plotting.to_svg(drawn(arms())[0]) == plotting.to_svg(drawn(arms())[0])


def test_bad_arms_are_refused_by_name():
    with pytest.raises(ValueError, match="`arms` must hold"):
        drawn({})

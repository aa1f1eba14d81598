"""The figures of critical points: one marker per point, filled where it is critical, one bar per count."""

import dataclasses

import numpy as np
import pytest

from lsgeo import plotting


@dataclasses.dataclass(frozen=True)
class Point:
    arm: str
    kind: str
    loss: float
    index: float
    lower: float
    upper: float


POINTS = [
    Point("skip", "saddle", 0.3, 0.1, 0.05, 0.2),
    Point("no skip", "gradient-flat", 0.2, 0.3, 0.3, 0.3),
]


def test_critical_points_are_filled_gradient_flat_ones_open_and_intervals_are_bars():
    _, ax = plotting.new_figure()
    curves = {"skip": ([0.1, 0.4], [0.0, 0.2])}
    plotting.index_against_loss(POINTS, ax, curves=curves, unit="nats")
    saddle, flat = (next(x for x in ax.lines if list(x.get_xdata()) == [p.loss]) for p in POINTS)
    assert list(saddle.get_ydata()) == [0.1] and saddle.get_markerfacecolor() != "none"
    assert list(flat.get_ydata()) == [0.3] and flat.get_markerfacecolor() == "none"
    long = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 2]
    assert [list(y) for y in long] == [[0.05, 0.2], [0.0, 0.2]]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["saddle", "gradient-flat", "skip", "no skip"]


def test_bars_are_as_long_as_the_counts():
    _, ax = plotting.new_figure()
    plotting.kinds_of_points({"skip": {"saddle": 2}, "no skip": {"minimum": 3}}, ax)
    widths = np.reshape([bar.get_width() for bar in ax.patches], (2, 5))
    assert widths.tolist() == [[0, 2, 0, 0, 0], [3, 0, 0, 0, 0]]


def test_unknown_names_and_nothing_are_refused():
    _, ax = plotting.new_figure()
    other = dataclasses.replace(POINTS[0], kind="maximum")
    for points, text in (([], "`points` must hold"), ([other], "Unknown kind: 'maximum'")):
        with pytest.raises(ValueError, match=text):
            plotting.index_against_loss(points, ax, curves={}, unit="nats")
    for counts, text in (({}, "`counts` must hold"), ({"skip": {"hill": 1}}, "Unknown kind")):
        with pytest.raises(ValueError, match=text):
            plotting.kinds_of_points(counts, ax)

"""The figure of escapes: a step at every escape, within its interval, and nothing left out."""

import numpy as np
import pytest

from lsgeo import plotting
from lsgeo.geometry import Escapes


def made(times, num_steps=100):
    times = np.asarray(times, float)
    blank = np.zeros((len(times), 1))
    never = np.zeros(len(times), bool)
    return Escapes(times, never, np.zeros(1), blank, blank, times, num_steps, 0, 0)


def test_the_line_falls_by_one_run_at_each_escape_and_stays_for_those_that_never_do():
    _, ax = plotting.new_figure()
    plotting.trapped({"skip": made([10, 20, 20, np.inf]), "no skip": made([np.inf] * 4)}, ax)
    lines = [line for line in ax.lines if len(line.get_xdata()) > 2 or line.get_linestyle() != "-"]
    steps, shares = lines[0].get_data()
    np.testing.assert_allclose(shares, [1, 0.75, 0.25, 0.25])
    np.testing.assert_allclose(steps[1:], [10, 20, 100])
    assert np.all(lines[1].get_ydata() == 1)
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["skip\n(3 of 4 out)", "no skip\n(0 of 4 out)"]


def test_arms_that_were_given_different_numbers_of_steps_are_refused():
    _, ax = plotting.new_figure()
    for runs in ({}, {"skip": made([1]), "no skip": made([1], num_steps=50)}):
        with pytest.raises(ValueError, match="`runs` must all be given as many steps"):
            plotting.trapped(runs, ax)

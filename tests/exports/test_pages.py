"""The page of surfaces: it loads nothing, and draws every point at its place on either scale."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from lsgeo import exports
from lsgeo.geometry import Surface
from tests.exports.planes import XS, YS, rectangle


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "planes.html"
    twins = {"skip, plane 0": rectangle(), "a <b> & c": rectangle(holes=False)}
    exports.write_html(path, twins, level=3.0)
    return path.read_text()


def test_page_loads_nothing(page):
    found = []

    class Loads(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Loads().feed(page)
    loading = {"src", "href", "srcset", "data", "action", "poster"}
    assert [tag for tag, attrs in found if loading & attrs.keys()] == []
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in found}
    policy = next(attrs["content"] for tag, attrs in found if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none';") and "http" not in policy
    assert "*" not in policy
    assert len(page) < 6e6


def test_page_draws_both_scales_over_the_right_axes_and_leaves_holes_empty(page):
    traces, layout = drawn(page)
    surface = rectangle()
    assert [trace["type"] for trace in traces] == ["surface", "contour", "contour"] * 2
    assert [trace["visible"] for trace in traces] == [True] * 3 + [False] * 3
    for trace in traces:
        assert trace["x"] == XS.tolist() and trace["y"] == YS.tolist()
    menu, scales = layout["updatemenus"]
    assert [button["label"] for button in menu["buttons"]] == ["skip, plane 0", "a <b> & c"]
    assert menu["buttons"][1]["args"][0]["visible"] == [False] * 3 + [True] * 3
    log, linear = (button["args"][0] for button in scales["buttons"])
    holes = np.where(np.isfinite(surface.values), surface.values, np.nan)
    np.testing.assert_array_equal(np.array(linear["z"][0], float), holes)
    np.testing.assert_array_equal(np.array(log["z"][0], float), np.log10(holes))
    np.testing.assert_array_equal(np.array(linear["z"][2], float), holes - 3.0)
    assert traces[0]["z"] == log["z"][0] and traces[1]["z"][2][1] is None
    # The whole twin reaches farther; both have its colours and heights.
    ends = rectangle(holes=False).values
    assert (linear["cmin"], linear["zmax"]) == (ends.min(), ends.max())
    heights = scales["buttons"][1]["args"][1]["scene.zaxis.range"]
    assert heights == [ends.min(), ends.max()]
    np.testing.assert_allclose(layout["scene"]["zaxis"]["range"], np.log10(heights), rtol=1e-12)
    assert traces[0]["text"][0][0] == f"loss {surface.values[0, 0]:.6g}"


def drawn(page):
    start = page.rindex("Plotly.newPlot(")
    decoder = json.JSONDecoder()
    _, end = decoder.raw_decode(page, page.index('"surface"', start))
    traces, end = decoder.raw_decode(page, page.index("[", end))
    layout, _ = decoder.raw_decode(page, page.index("{", end))
    return traces, layout


def test_page_of_a_flat_surface_has_a_scale_with_two_ends(tmp_path):
    exports.write_html(tmp_path / "a", {"flat": Surface(XS, YS, np.ones((3, 4)))})
    traces, layout = drawn((tmp_path / "a").read_text())
    assert (traces[0]["cmin"], traces[1]["zmax"]) == (-0.5, 0.5)
    assert layout["scene"]["zaxis"]["range"] == [-0.5, 0.5]


def test_page_of_one_surface_is_the_same_bytes_each_time(tmp_path):
    for name in "ab":
        exports.write_html(tmp_path / name, {"plane": rectangle()})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

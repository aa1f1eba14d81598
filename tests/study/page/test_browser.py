"""The page in a browser: nothing fetched, the answer in sight, and an explorer that hands can reach."""

import functools
import itertools
import os
import pathlib
import shutil

import pytest

from lsgeo.study import page as report
from tests.study.page import synthetic

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.render(synthetic.content(figures=())), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, path):
    """Opens the page; whatever it asks for, complains of or fails in is an error at the end."""
    complaints, contexts = [], []

    def open_page(viewport=DESKTOP, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.route("**/*", functools.partial(_only, path, complaints))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _only(path, complaints, route):
    if route.request.url.split("#")[0] in (path.as_uri(), "data:,"):
        route.continue_()
    else:
        complaints.append(f"asked for {route.request.url}")
        route.abort()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_first_verdict_is_in_sight_without_scrolling(opened, viewport):
    page = opened(viewport)
    for part in (".answer", "table.verdicts tbody td .verdict"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= viewport["height"]
        assert box["x"] >= 0 and box["x"] + box["width"] <= viewport["width"]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_never_scrolls_sideways_but_its_tables_do(opened, viewport):
    page = opened(viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    if viewport is PHONE:
        wide = "e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'auto'"
        tables = page.locator(".scroll:has(> table.verdicts, > table.findings)")
        assert tables.count() > 3
        assert all(table.evaluate(wide) for table in tables.all())


def test_the_explorer_answers_to_the_keyboard_and_says_what_changed(opened):
    page = opened()
    charts, result = page.locator("#explorer-charts"), page.locator("#explorer-result")
    before, said = charts.inner_html(), result.inner_text()
    assert "A: MLP, layer norm, depth 16, without skips" in said
    assert result.get_attribute("aria-live") == "polite"
    page.get_by_label("Depth").first.focus()
    page.keyboard.press("ArrowDown")
    said = playwright.expect(result)  # Waits for the page to answer.
    said.to_contain_text("A: MLP, layer norm, depth 4, without skips")
    assert charts.inner_html() != before
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    said.to_contain_text("A: MLP, layer norm, depth 4, with skips")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "explorer-family-1"


def test_the_explorer_draws_what_it_was_given(opened):
    page = opened()
    # The plain network of depth 16 ends at 160, its twin at 16; both have 9 x 9 points of a plane.
    assert "A: 160; B: 16." in page.locator(".chart figcaption").first.inner_text()
    assert page.locator(".chart svg[role=img] path.line.slot-0").count() == 3
    planes = page.locator(".chart:has-text('Loss around')")
    assert planes.count() == 2
    assert planes.first.locator("rect").count() == 9 * 9 + 40
    page.get_by_label("Family").nth(2).select_option("MLP")
    playwright.expect(planes).to_have_count(3)
    playwright.expect(page.locator("#explorer-result")).to_contain_text("C: MLP")
    page.get_by_label("Family").nth(2).select_option("")
    playwright.expect(planes).to_have_count(2)


def test_every_drawing_of_the_explorer_stays_inside_its_frame(opened):
    page = opened(PHONE)
    spills = page.evaluate(
        """() => [...document.querySelectorAll('.chart svg')].flatMap(svg => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text, path, rect')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1
              || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
          }).map(e => e.outerHTML.slice(0, 80));
        })"""
    )
    assert spills == []


def test_headings_go_down_one_level_at_a_time(opened):
    levels = opened().evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))


CONTRAST = """() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.slice(0, 3).map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const rgb = channels(getComputedStyle(node).backgroundColor);
      if (rgb.length < 4 || rgb[3] > 0) return rgb;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length || node.tagName === 'NOSCRIPT') continue;
    const style = getComputedStyle(node);
    const ink = channels(node instanceof SVGElement ? style.fill : style.color);
    const svg = node.closest('svg');
    const [a, b] = [light(ink), light(behind(svg ? svg.parentElement : node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(`${node.outerHTML.slice(0, 60)} has ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_background_in_both_schemes(opened, scheme):
    page = opened(color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is (scheme == "light")
    assert page.evaluate(CONTRAST) == []


def test_print_keeps_every_verdict_whole_and_leaves_the_controls_out(opened):
    page = opened({"width": 720, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("table.verdicts .verdict").count() == 6
    assert all(one.is_visible() for one in page.locator("table.verdicts .verdict").all())
    assert not page.locator("#explorer-controls").is_visible()
    assert page.locator("#explorer-charts svg").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 720


def test_without_scripts_a_sentence_says_so_and_everything_else_is_there(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert not page.locator("#explorer-app").is_visible()
    assert page.locator("table.verdicts").is_visible() and page.locator("#forest svg").is_visible()


def test_the_skip_link_is_first_and_leads_to_the_verdicts(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    page.wait_for_url("**#verdicts")


def test_the_page_is_small(path):
    assert os.path.getsize(pathlib.Path(path)) < 300e3

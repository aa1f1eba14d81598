"""The page in a browser: nothing fetched, the answer in sight, and an explorer that hands can reach."""

import base64
import functools
import io
import itertools
import os
import pathlib
import shutil

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

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
def test_the_question_and_the_first_answer_are_in_sight_without_scrolling(opened, viewport):
    page = opened(viewport)
    for part in ("h1", ".answer li"):
        assert is_in_sight(page.locator(part).first, viewport)


def test_a_desktop_shows_question_answers_and_landscapes_with_their_slider_at_once(opened):
    page = opened(DESKTOP)
    parts = (
        "h1",
        "ol.answer",
        "#hill-0",
        "#hill-1",
        "#map-0",
        "#map-1",
        "#twins-strip",
        "#twins-depth",
    )
    assert all(is_in_sight(page.locator(part), DESKTOP) for part in parts)


def is_in_sight(locator, viewport):
    box = locator.bounding_box()
    return (
        box["y"] >= 0
        and box["y"] + box["height"] <= viewport["height"]
        and box["x"] >= 0
        and box["x"] + box["width"] <= viewport["width"]
    )


SIDEWAYS = """() => [...document.querySelectorAll('body *')].filter(e => {
  const style = getComputedStyle(e), hidden = e.closest('.hidden, thead, .skip-link, svg');
  return !hidden && style.display !== 'inline' && e.clientWidth && e.scrollWidth > e.clientWidth + 1;
}).map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [1440, 1280, 1000, 900, 600, 375, 320])
def test_nothing_scrolls_sideways_at_any_width(opened, width):
    page = opened({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SIDEWAYS) == []


def test_on_a_phone_rows_are_cards_whose_cells_say_what_they_are(opened):
    page = opened(PHONE)
    rows = page.locator("table.verdicts tbody tr:not(.group)").all()
    assert len(rows) == 6
    for row in rows:
        cells = row.locator("td").all()
        boxes = [cell.bounding_box() for cell in cells]
        # Below one another, and each begins with its name.
        assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in itertools.pairwise(boxes))
        said = [cell.evaluate("e => getComputedStyle(e, '::before').content") for cell in cells]
        assert said == ['"Verdict"', '"Effect"', '"Pairs"', '"All conditions"', '"Published"']


PIXELS = "id => document.getElementById(id).toDataURL()"


def hills(page):
    return [page.evaluate(PIXELS, f"hill-{side}") for side in (0, 1)]


@pytest.mark.parametrize("side", [0, 1])
def test_arrow_keys_on_either_hill_turn_both_and_home_turns_them_back(opened, side):
    page = opened()
    before = hills(page)
    page.locator(f"#hill-{side}").focus()
    for key in ("ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        turned = hills(page)
        assert all(old != new for old, new in zip(before, turned, strict=True))
    page.keyboard.press("Home")
    assert hills(page) == before


def test_dragging_one_hill_turns_both(opened):
    page = opened()
    before, box = hills(page), page.locator("#hill-0").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1] + 20)
    page.mouse.up()
    dragged = hills(page)
    assert all(old != new for old, new in zip(before, dragged, strict=True))
    page.mouse.move(*middle)
    assert hills(page) == dragged


def test_the_button_turns_by_one_step_where_a_reader_wants_no_motion(opened):
    page = opened(reduced_motion="reduce")
    before = hills(page)
    page.get_by_role("button", name="Turn the hills").click()
    after = hills(page)
    page.wait_for_timeout(150)
    assert after != before and hills(page) == after


def test_the_button_turns_on_and_off_and_nothing_moves_before_it_is_pressed(opened):
    page = opened()
    before = hills(page)
    page.wait_for_timeout(150)
    assert hills(page) == before
    button = page.get_by_role("button", name="Turn the hills")
    button.click()
    page.wait_for_timeout(150)
    button.click()
    stopped = hills(page)
    page.wait_for_timeout(150)
    assert stopped != before and hills(page) == stopped


def test_the_depth_slider_moves_landscapes_numbers_and_its_own_name_by_keyboard(opened):
    page = opened()
    slider, said = page.locator("#twins-depth"), page.locator("#twins-said")
    # Median and range of three seeds at depth 16: 256 and twice and nine times that.
    assert "Depth 16" in said.inner_text() and "at least 512 (256 to 2300)" in said.inner_text()
    assert slider.get_attribute("aria-valuetext") == "depth 16"
    before = hills(page), page.evaluate(PIXELS, "map-0"), page.evaluate(PIXELS, "map-1")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "depth 8"
    # 8 squared is 64: no bound here.
    assert "without skips 128 (64 to 576)" in said.inner_text()
    after = hills(page), page.evaluate(PIXELS, "map-0"), page.evaluate(PIXELS, "map-1")
    assert before[1] != after[1] and before[2] != after[2]
    assert all(old != new for old, new in zip(before[0], after[0], strict=True))
    assert page.locator("#twins-strip .here").count() == 1


def test_the_slider_stands_under_the_depth_that_it_shows(opened):
    for viewport in (DESKTOP, PHONE):
        page = opened(viewport)
        here, slider = (
            page.locator("#twins-strip .here"),
            page.locator("#twins-depth").bounding_box(),
        )
        middle = here.bounding_box()["x"] + here.bounding_box()["width"] / 2
        assert middle == pytest.approx(slider["x"] + slider["width"] - 8, abs=3)


def test_the_colour_of_a_loss_is_the_same_in_both_maps_and_at_all_depths(opened):
    # Colours of pixels against the ramp, through the limits that all planes of the scene have in common.
    page = opened()
    planes = [synthetic.plane(depth, side) for depth in synthetic.DEPTHS for side in (0, 1)]
    low = min(np.log10(plane.min()) for plane in planes)
    high = max(np.log10(plane.max()) for plane in planes)
    viridis = colormaps["viridis"]
    slider = page.locator("#twins-depth")
    for place, depth in enumerate(synthetic.DEPTHS):
        slider.fill(str(place))
        for side in (0, 1):
            data = page.evaluate(PIXELS, f"map-{side}").split(",")[1]
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                # The middle of the corner's cell, one of nine along each side.
                found = image.getpixel((image.width // 18, image.height // 18))[:3]
            loss = synthetic.plane(depth, side)[-1, 0]
            expected = 255 * np.array(viridis((np.log10(loss) - low) / (high - low))[:3])
            # The page has 33 of the 256 colours, and losses in hundredths of a decade.
            np.testing.assert_allclose(found, expected, atol=4)


def test_another_kind_of_twins_can_be_chosen(opened):
    page = opened()
    page.locator("#twins-scene").select_option("MLP, no norm")
    playwright.expect(page.locator("#twins-said")).to_contain_text("Depth 16")


def test_the_explorer_answers_to_the_keyboard_and_says_what_changed(opened):
    page = opened()
    charts, result = page.locator("#explorer-charts"), page.locator("#explorer-result")
    before, said = charts.inner_html(), result.inner_text()
    assert "A: MLP, layer norm, depth 16, without skips" in said
    assert result.get_attribute("aria-live") == "polite"
    page.locator("#explorer-depth-0").focus()
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
    assert not page.locator("#twins-app").is_visible()
    assert page.locator(".twins .static img").is_visible()
    assert page.locator("#explorer-charts svg").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 720


def test_without_scripts_a_sentence_says_so_and_everything_else_is_there(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert not page.locator("#explorer-app").is_visible()
    assert page.locator("table.verdicts").is_visible() and page.locator("#forest svg").is_visible()
    assert page.locator(".twins .static img").is_visible()
    assert not page.locator("#twins-app").is_visible()


def test_the_skip_link_is_first_and_leads_to_the_laws(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    page.wait_for_url("**#laws")


def test_the_page_is_small(path):
    assert os.path.getsize(pathlib.Path(path)) < 600e3

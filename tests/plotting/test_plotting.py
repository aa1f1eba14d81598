"""What the figures must say whatever the data: labels with units, one colour per arm, one scale for
twins."""

import math
import pathlib
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex

import lsgeo.study  # noqa: F401 - The looks of its arms come with it.
from lsgeo import plotting
from lsgeo.geometry import Surface
from lsgeo.plotting import style
from lsgeo.spectra import SpectralDensity


def density(top):
    nodes = np.linspace(-0.1 * top, top, 12)[None, :]
    return SpectralDensity(nodes, np.full((1, 12), 1 / 12), 100, 0.0, 12)


def plane(scale=1.0, hole=None):
    xs, ys = np.linspace(-1, 1, 9), np.linspace(-0.5, 0.5, 7)
    values = scale * (0.1 + xs[None, :] ** 2 + ys[:, None] ** 2)
    if hole is not None:
        values[:2, :3] = hole
    return Surface(xs, ys, values)


def curves():
    steps, fall = np.arange(5), np.array([2.0, 1.0, 0.5, 0.2, 0.1])
    diverged = np.array([2.0, 3.0, 9.0, np.inf, np.nan])
    return [
        plotting.TrainingCurve("skip", steps, fall),
        plotting.TrainingCurve("no skip", steps, diverged, failed=True),
    ]


def draw_densities(ax):
    plotting.spectral_densities({"skip": [density(1), density(2)], "no skip": [density(50)]}, ax)


def draw_depths(ax):
    values = {"skip": {4: [1.0, 2.0], 8: [1.0, 3.0]}, "no skip": {4: [5.0, 6.0], 8: [9.0, np.nan]}}
    plotting.metric_by_depth(values, ax, label="trace", unit="nats / parameter²")


def draw_training(ax):
    plotting.training_curves(curves(), ax, levels=(1.0, 0.5))


def draw_gates(ax):
    lines = {"network": [9.0, math.nan, 0.1]}
    plotting.gate_sweep([0, 0.5, 1], lines, ax, label="loss", unit="nats per example", trained=1.0)


DRAWINGS = [draw_densities, draw_depths, draw_training, draw_gates]


def texts(ax):
    inside = [text.get_text() for text in ax.texts]
    return "\n".join([*inside, ax.get_title(), ax.get_title("left")])


def pair(surfaces, **options):
    figure, axes = plotting.new_figure(columns=2)
    plotting.surface_pair(surfaces, axes, num_classes=10, **options)
    return figure, axes


@pytest.mark.parametrize("draw", DRAWINGS)
def test_every_axis_has_a_label_with_a_unit(draw):
    _, ax = plotting.new_figure()
    draw(ax)
    assert "(" in ax.get_xlabel()
    assert "(" in ax.get_ylabel()


@pytest.mark.parametrize("draw", DRAWINGS)
def test_svg_is_the_same_twice_and_holds_no_address(draw):
    pages = []
    for _ in range(2):
        figure, ax = plotting.new_figure()
        draw(ax)
        pages.append(plotting.to_svg(figure))
    assert pages[0] == pages[1] and pages[0].startswith("<svg") and "://" not in pages[0]


def test_svg_takes_its_ink_and_arm_colours_from_the_page():
    figure, ax = plotting.new_figure()
    draw_depths(ax)
    svg = plotting.to_svg(figure)
    for variable in ("--ink", "--arm-skip", "--arm-no-skip"):
        assert f"var({variable}, #" in svg


def test_no_figure_module_imports_pyplot():
    sources = [path.read_text() for path in pathlib.Path(plotting.__file__).parent.glob("*.py")]
    assert sources and not any("matplotlib.pyplot" in source for source in sources)


def test_arms_keep_their_colours_in_every_figure():
    for draw in (draw_densities, draw_depths, draw_training):
        _, ax = plotting.new_figure()
        draw(ax)
        colors = {to_hex(line.get_color()) for line in ax.lines}
        assert {plotting.arm_style(arm).color for arm in ("skip", "no skip")} <= colors


def test_a_label_that_nobody_declared_has_a_style_of_its_own_until_it_is_given_one(monkeypatch):
    monkeypatch.setattr("lsgeo.plotting.style.ARMS", dict(plotting.ARMS))
    monkeypatch.setattr("lsgeo.plotting.style._spare", {})
    labels = [*plotting.ARMS, *(f"network {k}" for k in range(30))]
    styles = [plotting.arm_style(label) for label in labels]
    assert len(set(styles)) == len(labels)
    assert styles == [plotting.arm_style(label) for label in labels]
    style.ARMS["network 3"] = plotting.arm_style("network 40")
    assert plotting.arm_style("network 3") not in styles


def test_a_label_of_the_user_is_no_arm_and_changes_no_other_figure(monkeypatch):
    monkeypatch.setattr("lsgeo.plotting.style._spare", {})
    arms, pages = dict(plotting.ARMS), []
    for labels in ([], [f"my model {k}" for k in range(1000)]):
        styles = [plotting.arm_style(label) for label in labels]
        figure, ax = plotting.new_figure()
        ax.plot([0, 1], [0, 1], color=to_hex("C0"))
        ax.plot([0, 1], [1, 1], color=plotting.arm_style("skip").color)
        pages.append(plotting.to_svg(figure))
    assert plotting.ARMS == arms and pages[0] == pages[1]
    assert "var(--arm-skip, #" in pages[0] and "var(--arm-my-model" not in pages[0]
    assert len(set(styles)) >= 400 and styles[0].color == to_hex("C0")
    assert len({style.color for style in styles}) >= 30
    assert styles == [plotting.arm_style(label) for label in labels]


def test_densities_draw_the_median_inside_a_band_of_the_seeds():
    _, ax = plotting.new_figure()
    seeds = [density(1.0), density(1.3), density(1.1)]
    plotting.spectral_densities({"skip": seeds}, ax)
    grid, drawn = ax.lines[0].get_data()
    np.testing.assert_array_equal(drawn, np.median([seed.density(grid) for seed in seeds], axis=0))
    assert ax.get_yscale() == "log" and len(ax.collections) == 1
    marked = np.sort(ax.lines[1].get_xdata())  # both ends of every seed
    np.testing.assert_allclose(marked, [-0.13, -0.11, -0.1, 1.0, 1.1, 1.3])


def test_depths_draw_medians_and_count_the_seeds_without_a_value():
    _, ax = plotting.new_figure()
    draw_depths(ax)
    medians = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == 2]
    assert any(np.array_equal(line, [1.5, 2.0]) for line in medians)
    assert any(np.array_equal(line, [5.5, 9.0]) for line in medians)
    assert ax.get_yscale() == "log" and "1/2" in texts(ax) and "only a of b seeds" in texts(ax)


def test_depths_use_a_symmetric_log_axis_where_values_are_negative():
    _, ax = plotting.new_figure()
    values = {"skip": {4: [-1.0, 0.0]}, "no skip": {4: [-100.0]}}
    plotting.metric_by_depth(values, ax, label="lowest eigenvalue", unit="nats / parameter²")
    assert ax.get_yscale() == "symlog"


def test_training_marks_failed_runs_at_their_last_finite_loss():
    _, ax = plotting.new_figure()
    draw_training(ax)
    crosses = [line for line in ax.lines if line.get_marker() == "X"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[2.0, 9.0]]]
    assert "1 of 1 failed" in texts(ax) and "(1, 0.5)" in texts(ax)


def test_surfaces_share_colour_limits_levels_and_one_colour_bar():
    figure, axes = pair({"skip": plane(), "no skip": plane(1e4)})
    filled = [ax.collections[0] for ax in axes]
    assert filled[0].get_clim() == filled[1].get_clim()
    np.testing.assert_allclose(filled[0].get_clim(), np.log10([0.1, 1e4 * 1.35]))
    assert np.array_equal(filled[0].levels, filled[1].levels)
    (bar,) = [ax for ax in figure.axes if ax not in axes]
    assert "nats per example" in bar.get_ylabel()
    assert [ax.get_title() for ax in axes] == ["skip", "no skip"]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_losses_that_are_not_finite_are_hatched_and_not_coloured(hole):
    _, axes = pair({"skip": plane(), "no skip": plane(hole=hole)})
    assert not axes[0].patches and axes[1].patches[0].get_hatch()
    corner = np.array([[-1.0, -0.5]])
    for ax, covered in zip(axes, [True, False], strict=True):
        paths = ax.collections[0].get_paths()
        assert any(path.contains_points(corner, radius=0.02).any() for path in paths) == covered


def test_a_loss_of_zero_is_not_taken_for_a_hole():
    _, axes = pair({"skip": plane(), "no skip": plane(hole=0.0)})
    assert not axes[1].patches


def test_surfaces_draw_the_chance_contour_only_where_it_is_crossed():
    _, axes = pair({"skip": plane(), "no skip": plane(100.0)})
    chance = math.log10(math.log(10))
    drawn = [[c for c in ax.collections if np.allclose(c.levels, [chance])] for ax in axes]
    # 0.1 to 1.35 and 10 to 135 nats both miss ln 10 = 2.30; 1 to 13.5 crosses it, with its outline.
    assert drawn == [[], []]
    _, axes = pair({"skip": plane(10.0), "no skip": plane()})
    assert sum(np.allclose(c.levels[0], chance) for c in axes[0].collections) == 2


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plotting.spectral_densities({"skip": []}, ax), "'skip' has none"),
        (
            lambda ax: plotting.gate_sweep([0, 1], {"skip": [1]}, ax, label="a", unit="b"),
            "`values` of skip must be one per gate, 2; got 1",
        ),
        (
            lambda ax: plotting.spectral_densities({"skip": [density(1)]}, ax, x_scale="log"),
            "`x_scale` must be",
        ),
        (lambda ax: plotting.metric_by_depth({}, ax, label="a", unit=""), "`unit` must be given"),
        (
            lambda ax: plotting.metric_by_depth({"skip": {4: [np.nan]}}, ax, label="a", unit="b"),
            "at least one finite value",
        ),
        (
            lambda ax: plotting.metric_by_depth(
                {"skip": {4: [1.0]}}, ax, label="a", unit="b", scale="cubic"
            ),
            "Unknown scale: 'cubic'",
        ),
        (lambda ax: plotting.training_curves([], ax), "at least one TrainingCurve"),
        (lambda ax: plotting.surface_pair({"skip": plane()}, [], num_classes=10), "got 0 for 1"),
        (
            lambda ax: plotting.surface_pair({"skip": plane(0.0)}, [ax], num_classes=10),
            "at least one finite positive loss",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(draw, message):
    _, ax = plotting.new_figure()
    with pytest.raises(ValueError, match=message):
        draw(ax)


def test_one_seed_beside_several_is_drawn_on_a_log_axis_without_a_warning():
    # These sizes gave the axis no height while only the lone seed was drawn.
    _, axes = plotting.new_figure(height=5.6, columns=2, rows=2)
    seeds = {
        "no skip": [np.nan, 221.7371425628662],
        "skip": [43.07565506299336, 58.619385639826454],
    }
    values = {name: {2: values} for name, values in seeds.items()}
    for ax in np.ravel(axes):
        plotting.metric_by_depth(values, ax, label="trace", unit="nats")
        assert ax.get_yscale() == "log" and ax.get_ylim()[0] < 43 and ax.get_ylim()[1] > 221


def test_a_saved_figure_is_an_svg_document_of_its_own_and_the_same_every_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        figure, ax = plotting.new_figure()
        ax.plot([0, 1], [1, 0])
        plotting.save_svg(figure, tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")


def test_a_saved_figure_keeps_its_text_as_text_and_no_place_finer_than_a_hundredth_of_a_point(
    tmp_path,
):
    figure, ax = plotting.new_figure()
    ax.plot([0, 1 / 3, 1], [1, 1 / 7, 0], marker="o")
    ax.set_xlabel("depth (layers)")
    plotting.save_svg(figure, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ">depth (layers)</text>" in text and "<metadata>" not in text
    places = re.findall(r' [dxy]="([^"]*)"', text)
    assert len(places) > 10 and not any(re.search(r"\.\d{3}", place) for place in places)

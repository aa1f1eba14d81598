"""Every figure takes the labels that a user gives: any text, and any number of them."""

import inspect
import re
import types

import numpy as np
import pytest
from matplotlib.text import Text

from lsgeo import plotting
from lsgeo.geometry import Barrier, CurveCurvature, Surface
from lsgeo.spectra import SpectralDensity
from tests.plotting import test_dynamics_panels
from tests.plotting.test_sharpness_battery import Row
from tests.plotting.test_trapped import made

GRID = np.linspace(-1.0, 1.0, 5)
BOWL = Surface(GRID, GRID, 0.1 + GRID[None, :] ** 2 + GRID[:, None] ** 2)
DENSITY = SpectralDensity(GRID[None], np.full((1, 5), 0.2), 100, 0.0, 5)
TREE = types.SimpleNamespace(
    births=np.array([0.1, 0.2]), deaths=np.array([np.inf, 0.9]), joins=np.array([-1, 0])
)
MAP = types.SimpleNamespace(
    xs=GRID,
    ys=GRID,
    losses=BOWL.values,
    lowest=-BOWL.values,
    highest=2 * BOWL.values,
    residuals=np.full((5, 5, 2), 0.15),
)
LINE = types.SimpleNamespace(axes=(GRID,), values=1.0 + GRID**2)
ENDS = CurveCurvature(GRID, -np.ones(5), np.full(5, 9.0), np.ones((5, 2)), np.ones((5, 2)) > 0, 9)
LIMITS = dict.fromkeys(
    ("stable_rate", "unstable_rate", "lambda_init", "lambda_target", "factor"), np.ones(2)
)
STREAM = {
    "cka": np.eye(3),
    "lesion_shares": np.array([0.5, 0.2]),
    "effective_depth": 0.7,
    "effective_depth_error": 0.1,
    "alignment": np.eye(2),
    "chance": 0.2,
}


def point(arm):
    return types.SimpleNamespace(arm=arm, kind="saddle", loss=0.3, index=0.1, lower=0.1, upper=0.2)


def way(arm):
    losses = np.array([2.0, 1.0, 0.1])
    return plotting.Trajectory(arm, np.arange(3), np.eye(3)[:, :2], losses / 2, losses, losses)


def curve(arm):
    return plotting.TrainingCurve(arm, np.arange(3), np.array([2.0, 1.0, 0.5]))


def rows(labels):
    return [plotting.EffectRow(label, 0.5, 0.2, 0.9, 0.1, "supported") for label in labels]


def line(label):
    numbers = {"x": (4.0, 8.0), "value": (1.0, 2.0), "lower": (0.9, 1.9), "upper": (1.1, 2.1)}
    rest = {"sides": (0, 1), "predicted": None, "exponent": None, "panel": ""}
    return types.SimpleNamespace(label=label, **numbers, **rest)


def keyed(value, labels):
    return {label: value for label in labels}


def layers(arm, ax):
    words = {"title": "CKA", "x": "x", "y": "y", "bar": "CKA"}
    plotting.layer_map(np.eye(2), ax, arm=arm, **words)


def reuse(labels, ax):
    names = [label + "/kernel" for label in labels]
    plotting.reuse_map(np.ones((len(names), 1)), names, ["head/kernel"], ax, title="a", bar="b")


def connections(labels):
    changes = np.ones((len(labels), 1))
    return {
        "sources": labels,
        "targets": ["head"],
        "relative": changes,
        "loss_changes": -changes,
    }


def on_axes(panels):
    figure, axes = plotting.new_figure(width=4.0 * len(panels), columns=len(panels))
    for panel, ax in zip(panels, axes, strict=True):
        panel(ax)
    return figure


# All labels on one axes.
LAW = {"x": "depth (blocks)", "y": "sharpness (nats)"}
TOGETHER = {
    "law": lambda names, ax: plotting.law([line(name) for name in names], ax, **LAW),
    "branch_strength": lambda names, ax: plotting.branch_strength(
        keyed({2: np.array([1.0, 3.0]), 4: np.ones(2)}, names), ax
    ),
    "curvature_profile": lambda names, ax: plotting.curvature_profile(keyed(ENDS, names), ax),
    "deletions": lambda names, ax: plotting.deletions(
        [(name, np.full((2, 3), 0.5), 0.9) for name in names], ax, chance=0.1
    ),
    "effect_forest": lambda names, ax: plotting.effect_forest(rows(names), ax),
    "gate_sweep": lambda names, ax: plotting.gate_sweep(
        [0, 1], keyed([1.0, 2.0], names), ax, label="loss", unit="nats"
    ),
    "index_against_loss": lambda names, ax: plotting.index_against_loss(
        [point(name) for name in names],
        ax,
        curves=keyed(([0.1, 0.4], [0, 0.2]), names),
        unit="nats",
    ),
    "kinds_of_points": lambda names, ax: plotting.kinds_of_points(keyed({"saddle": 2}, names), ax),
    "lesion_shares": lambda names, ax: plotting.lesion_shares(
        [(name, np.array([0.5, 0.2]), 0.7, 0.1) for name in names], ax
    ),
    "lesions": lambda names, ax: plotting.lesions(
        [(name, np.array([0.5, 0.9]), 0.9) for name in names], ax
    ),
    "loss_lines": lambda names, ax: plotting.loss_lines(keyed([LINE], names), ax, num_classes=10),
    "metric_by_depth": lambda names, ax: plotting.metric_by_depth(
        keyed({4: [1.0, 2.0], 8: [3.0, np.nan]}, names), ax, label="trace", unit="nats"
    ),
    "minima_against_null": lambda names, ax: plotting.minima_against_null(
        keyed([(2.0, [1, 2, 3])], names), ax
    ),
    "nested_values": lambda names, ax: plotting.nested_values(
        keyed([[1.0, 2.0]], names), keyed((1.5, 1.0, 2.0), names), ax, label="radius", unit="norms"
    ),
    "path_shares": lambda names, ax: plotting.path_shares(
        [(name, np.array([0.2, 0.8]), np.array([0.5, 0.5])) for name in names], ax
    ),
    "persistence_diagram": lambda names, ax: plotting.persistence_diagram(keyed([TREE], names), ax),
    "reuse_map": reuse,
    "sharpness_battery": lambda names, ax: plotting.sharpness_battery(
        keyed([Row("trace", 2.0, 1.0, 4.0)], names), ax
    ),
    "spectral_densities": lambda names, ax: plotting.spectral_densities(
        keyed([DENSITY], names), ax
    ),
    "stable_rates": lambda names, ax: plotting.stable_rates(keyed(LIMITS, names), ax),
    "steps_by_rate": lambda names, ax: plotting.steps_by_rate(
        [0.1, 1.0],
        keyed(np.array([[9.0], [5.0]]), names),
        ax,
        budget=20,
        target=0.5,
        best=keyed(1.0, names),
    ),
    "depth_strip": lambda names, ax: plotting.depth_strip(
        [plotting.Extremes(name, 4, (-1.0,), (9.0,)) for name in names], ax
    ),
    "training_curves": lambda names, ax: plotting.training_curves([curve(n) for n in names], ax),
    "trapped": lambda names, ax: plotting.trapped(keyed(made([10, np.inf]), names), ax),
}
# One label an axes.
ALONE = {
    "layer_map": layers,
    "loss_profiles": lambda name, ax: plotting.loss_profiles(
        {name: Barrier(GRID, np.ones(5), GRID, 1.0, 5)}, ax, arm=name
    ),
    "merge_tree_branches": lambda name, ax: plotting.merge_tree_branches(TREE, ax, arm=name, top=2),
    "trajectory_losses": lambda name, ax: plotting.trajectory_losses(way(name), ax),
    "variance_shares": lambda name, ax: plotting.variance_shares([0.9], [0.8], ax, arm=name),
}
# As many axes as labels, or a number of their own.
SPREAD = {
    "dynamics_panels": lambda names, axes: plotting.dynamics_panels(
        keyed(test_dynamics_panels.entry(), names), axes
    ),
    "curvature_maps": lambda names, axes: plotting.curvature_maps(
        keyed(MAP, names), axes, num_classes=10
    ),
    "surface_pair": lambda names, axes: plotting.surface_pair(
        keyed(BOWL, names), axes, num_classes=10, points=keyed(np.eye(2), names)
    ),
    "trajectory_planes": lambda names, axes: plotting.trajectory_planes(
        [way(name) for name in names], [BOWL] * len(names), axes
    ),
}
# A figure of their own, or panels.
WHOLE = {
    "twin_landscapes": lambda names: plotting.twin_landscapes(keyed(BOWL, names)),
    "law_panels": lambda names: plotting.law_panels(
        [line(name) for name in names], **LAW, phone=True
    ),
    "representation_panels": lambda names: on_axes(
        plotting.representation_panels([(name, STREAM) for name in names[:2]])
    ),
    "reuse_panels": lambda names: on_axes(plotting.reuse_panels(connections(names))),
    "effect_forests": lambda names: plotting.effect_forests(rows(names)),
}


def drawn(name, labels):
    """The texts of each figure with these labels, drawn to its end, where a warning is an error."""
    return [texts_of(figure) for figure in figures(name, labels)]


def texts_of(figure):
    figure.draw_without_rendering()
    return "\n".join(text.get_text().replace("\n", "") for text in figure.findobj(Text))


def figures(name, labels):
    if name in WHOLE:
        yield WHOLE[name](labels)
    elif name in TOGETHER:
        figure, ax = plotting.new_figure()
        TOGETHER[name](labels, ax)
        yield figure
    elif name in ALONE:
        for label in labels:
            figure, ax = plotting.new_figure()
            ALONE[name](label, ax)
            yield figure
    else:
        number = 6 if name == "dynamics_panels" else len(labels)
        figure, axes = plotting.new_figure(width=3.0 * number, columns=number)
        SPREAD[name](labels, np.atleast_1d(axes))
        yield figure


LABELLED = [*TOGETHER, *ALONE, *SPREAD, *WHOLE]
UNLABELLED = {"arm_style", "css_variable", "loss_ramp", "new_figure"} | {
    "save_svg",
    "to_png",
    "to_svg",
}
MINE = ["my model", "größer × 2 → Ω"]
ODD = [
    "",
    "_private",
    'two\nlines <b> & "quoted" --> \\frac {x} %s',
    "from 3$ to 5$, $^$",
    "a network with a long name, " * 20,
    "onewordofmanyletters" * 20,
]


def test_every_public_function_is_tried():
    functions = {name for name, value in vars(plotting).items() if inspect.isfunction(value)}
    assert functions - UNLABELLED == set(LABELLED)


# The panel of a trajectory's losses stands below its plane, which has the name.
@pytest.mark.parametrize("name", [name for name in LABELLED if name != "trajectory_losses"])
def test_a_figure_names_the_labels_of_its_user(name):
    [texts] = drawn(name, MINE[:1] if name in ALONE else MINE)
    assert not set(MINE) & set(plotting.ARMS)
    for label in MINE[:1] if name in ALONE else MINE:
        assert label in texts


@pytest.mark.parametrize("name", LABELLED)
def test_a_label_is_any_text_and_a_long_one_leaves_room_for_the_figure(name):
    texts = "\n".join(drawn(name, ODD[:2] if name == "representation_panels" else ODD))
    assert "private" in texts or name == "trajectory_losses"
    if not name.startswith("effect_forest"):  # which has two lines for a statement
        assert "letters" * 3 not in texts and "name, a network with a long name" not in texts


@pytest.mark.parametrize("name", [*TOGETHER, *WHOLE])
def test_a_figure_has_room_for_many_labels_and_counts_those_without_a_name(name):
    # More than any corner holds: with a name for each, the axes would be left without any size.
    [texts] = drawn(name, [f"network {k}" for k in range(40)])
    named = {int(k) for k in re.findall(r"network (\d+)", texts)}
    assert named == set(range(len(named)))
    if left := re.findall(r"… and (\d+) more", texts):
        each = 2 if name == "curvature_profile" else 1  # its highest and its lowest eigenvalue
        assert len(named) == -(-(40 * each - int(left[0])) // each)
    elif name not in ("representation_panels", "path_shares"):
        assert len(named) == 40


@pytest.mark.parametrize("name", ["spectral_densities", "kinds_of_points", "lesion_shares"])
def test_two_hundred_labels_are_drawn(name):
    [texts] = drawn(name, [f"network {k}" for k in range(200)])
    assert re.search(r"… and 1\d\d more", texts)

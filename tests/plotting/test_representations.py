"""Figures of representations: the colours' ends, the texts, and what is not connected stays empty."""

import numpy as np

from lsgeo import plotting


def test_a_layer_map_has_the_first_layer_at_the_bottom_and_one_scale_for_all_networks():
    figure, axes = plotting.new_figure(columns=2)
    values = np.array([[1.0, 0.25], [0.25, np.nan]])
    labels = {"title": "CKA", "x": "x (blocks)", "y": "y (blocks)", "bar": "CKA (0 to 1)"}
    plotting.layer_map(values, axes[0], arm="skip", **labels)
    plotting.layer_map(values - 0.5, axes[1], **labels)
    image = axes[0].images[0]
    assert image.origin == "lower" and image.get_clim() == axes[1].images[0].get_clim() == (0, 1)
    assert image.get_array().mask.tolist() == [[False, False], [False, True]]
    assert axes[0].get_title(loc="left") == "skip: CKA" and axes[1].get_title(loc="left") == "CKA"
    assert [ax.get_ylabel() for ax in figure.axes[2:]] == ["CKA (0 to 1)"] * 2


def test_bars_of_lesions_stand_side_by_side_and_the_depth_is_written():
    _, ax = plotting.new_figure()
    networks = [("skip", np.array([0.5, 0.25]), 0.75, 0.05), ("no skip", np.ones(2), 2.0, 0.0)]
    plotting.lesion_shares(networks, ax)
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.25, 1.0, 1.0]
    assert ax.patches[0].get_x() + ax.patches[0].get_width() <= ax.patches[2].get_x() + 1e-9
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["skip: 0.75 ± 0.05 of 2 blocks deep", "no skip: 2 of 2 blocks deep"]


def test_a_reuse_map_names_layers_and_is_symmetric_about_zero_where_it_has_signs():
    _, ax = plotting.new_figure()
    values = np.array([[-0.5, np.nan], [0.1, 0.2]])
    names = (
        ["stem/kernel", "stage_0_block_1/conv_0/kernel"],
        ["transition_0/conv/kernel", "head/kernel"],
    )
    plotting.reuse_map(values, *names, ax, title="weights", bar="change (nats)", signed=True)
    assert ax.images[0].get_clim() == (-0.5, 0.5)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["transition 0", "head"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["stem", "0.1"]


def test_strength_by_depth_has_the_law_of_one_over_depth_beside_it():
    _, ax = plotting.new_figure()
    values = {"skip": {2: np.array([1.0, 3.0]), 8: np.array([1.0, 1.0])}, "no skip": {}}
    plotting.branch_strength(values, ax)
    lines = {line.get_label(): line for line in ax.lines}
    assert sorted(lines) == ["1 / depth", "skip"]
    assert lines["skip"].get_ydata().tolist() == [2.0, 1.0]
    assert lines["1 / depth"].get_ydata().tolist() == [2.0, 0.5]


def test_two_networks_of_one_arm_are_both_drawn():
    entry = {
        "cka": np.eye(3),
        "lesion_shares": np.array([0.5, 0.25]),
        "effective_depth": 0.75,
        "effective_depth_error": 0.1,
    }
    panels = plotting.representation_panels([("network", entry), ("network", entry)])
    _, ax = plotting.new_figure()
    panels[-1](ax)
    assert len(panels) == 3 and len(ax.patches) == 4

"""Backward lesions inside networks: the forward pass stays, and blocks that change the shape can be cut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models


def start(name, **options):
    model = models.create(name, num_classes=2, **options)
    images = jnp.asarray(np.random.default_rng(0).normal(size=(3, 8, 8, 1)))
    variables = models.init(model, images, key=jax.random.key(1))
    batch = {"image": images, "label": jnp.array([0, 1, 1])}
    constants = {kind: tree for kind, tree in variables.items() if kind != "params"}
    return models.CrossEntropy(model, constants), variables, batch


def gradient(loss, variables, batch, passed):
    return models.lesioned_gradient(loss, variables["params"], batch, jnp.asarray(passed))


def test_a_cut_branch_is_a_constant_to_the_gradient_of_a_residual_mlp():
    loss, variables, batch = start("mlp", depth=2, width=4, norm="layer")
    names = models.branch_names(loss.model, variables, batch["image"])
    assert names == ["block_0", "block_1"]
    first, second = models.blocks(loss.model, variables, batch["image"])
    inputs = models.block_inputs(loss.model, variables, batch["image"])
    bottom, middle = inputs["block_0"], inputs["block_1"]
    top = models.stream_gradient(loss, variables["params"], batch, "block_1")
    _, pull = jax.vjp(lambda x: first.function(x), bottom)
    _, pull_branch = jax.vjp(lambda x: second.function(x) - x, middle)
    whole = pull(top + pull_branch(top)[0])[0]
    np.testing.assert_allclose(gradient(loss, variables, batch, [1.0, 1.0]), whole, atol=1e-12)
    cut = pull(top)[0]
    np.testing.assert_allclose(gradient(loss, variables, batch, [1.0, 0.0]), cut, atol=1e-12)
    both = gradient(loss, variables, batch, [0.0, 0.0])
    np.testing.assert_allclose(both, top, atol=1e-12)
    assert np.linalg.norm(whole - cut) > 1e-3


def test_a_transition_of_a_resnet_is_cut_and_only_its_shortcut_is_left():
    loss, variables, batch = start("resnet", depth=8, width=2, preactivation=True, shortcut="b")
    names = models.branch_names(loss.model, variables, batch["image"])
    assert names == [f"stage_{stage}_block_0" for stage in range(3)]
    # The shortcuts alone are linear: with all branches cut the gradient is theirs.
    cut = gradient(loss, variables, batch, [0.0, 0.0, 0.0])
    top = models.stream_gradient(loss, variables["params"], batch, names[-1])
    for name in names[:0:-1]:
        kernel = variables["params"][name]["shortcut"]["conv"]["kernel"]
        below = jnp.einsum("nhwd,cd->nhwc", top, kernel[0, 0])
        top = jnp.zeros((*below.shape[:1], *(2 * n for n in below.shape[1:3]), below.shape[3]))
        top = top.at[:, ::2, ::2].set(below)
    np.testing.assert_allclose(cut, top, atol=1e-12)


def test_two_branches_of_a_block_have_two_names_and_no_skip_leaves_no_gradient():
    loss, variables, batch = start("vit", depth=1, width=4, heads=1, patch=4)
    names = models.branch_names(loss.model, variables, batch["image"])
    assert names == ["block_0/0", "block_0/1"]
    loss, variables, batch = start("mlp", depth=2, width=4, skip="none")
    assert np.abs(gradient(loss, variables, batch, [1.0, 1.0])).max() > 0
    assert np.abs(gradient(loss, variables, batch, [1.0, 0.0])).max() == 0


def test_networks_whose_branches_cannot_be_told_apart_are_refused():
    for name, options in (("mlp", {"scan": True}), ("densenet", {"depth": 7, "growth": 2})):
        model = models.create(name, num_classes=2, **options)
        images = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
        with pytest.raises(ValueError, match="`model` has no branches that can be cut one by one"):
            models.branch_names(model, models.shapes(model, images), images)

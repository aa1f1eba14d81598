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


above = jax.jit(models.stream_gradient, static_argnums=3)
compiled = jax.jit(models.lesioned_gradient)


def gradient(loss, variables, batch, passed):
    return compiled(loss, variables["params"], batch, jnp.asarray(passed))


def test_a_cut_branch_is_a_constant_to_the_gradient_of_a_residual_mlp():
    loss, variables, batch = start("mlp", depth=2, width=4, norm="layer")
    names = models.branch_names(loss.model, variables, batch["image"])
    assert names == ["block_0", "block_1"]

    @jax.jit
    def by_hand(variables):
        first, second = models.blocks(loss.model, variables, batch["image"])
        inputs = models.block_inputs(loss.model, variables, batch["image"])
        top = models.stream_gradient(loss, variables["params"], batch, "block_1")
        _, pull = jax.vjp(first.function, inputs["block_0"])
        _, pull_branch = jax.vjp(lambda x: second.function(x) - x, inputs["block_1"])
        return pull(top + pull_branch(top)[0])[0], pull(top)[0], top

    passed = [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]
    whole, cut, top = by_hand(variables)
    for factors, expected in zip(passed, (whole, cut, top), strict=True):
        found = gradient(loss, variables, batch, factors)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.linalg.norm(whole - cut) > 1e-3


def test_a_transition_of_a_resnet_is_cut_and_only_its_shortcut_is_left():
    loss, variables, batch = start(
        "resnet", depth=8, width=2, preactivation=True, shortcut="b", norm="none"
    )
    names = models.branch_names(loss.model, variables, batch["image"])
    assert names == [f"stage_{stage}_block_0" for stage in range(3)]
    # The shortcuts alone are linear: with all branches cut the gradient is theirs.
    cut = gradient(loss, variables, batch, [0.0, 0.0, 0.0])
    top = above(loss, variables["params"], batch, names[-1])
    for name in names[:0:-1]:
        kernel = np.asarray(variables["params"][name]["shortcut"]["conv"]["kernel"])[0, 0]
        below = np.asarray(top) @ kernel.T
        top = np.zeros((len(below), 2 * below.shape[1], 2 * below.shape[2], below.shape[3]))
        top[:, ::2, ::2] = below
    np.testing.assert_allclose(cut, top, atol=1e-12)


def test_two_branches_of_a_block_have_two_names():
    model = models.create("vit", depth=2, width=4, heads=1, patch=4, num_classes=2)
    images = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
    names = models.branch_names(model, models.shapes(model, images), images)
    assert names == ["block_0/0", "block_0/1", "block_1/0", "block_1/1"]


def test_networks_whose_branches_cannot_be_told_apart_are_refused():
    for name, options in (("mlp", {"scan": True}), ("densenet", {"depth": 7, "growth": 2})):
        model = models.create(name, num_classes=2, **options)
        images = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)
        with pytest.raises(ValueError, match="`model` has no branches that can be cut one by one"):
            models.branch_names(model, models.shapes(model, images), images)

"""One, two and three dense layers under one shortcut, against the network written out in NumPy."""

import jax
import numpy as np
import pytest

from lsgeo.models import CrossEntropy, activations, count_parameters, create, init, shapes, unstack

DEPTH, WIDTH, PIXELS, CLASSES = 3, 5, 6, 4
LAYERS = {"one_layer": 1, "two_layer": 2, "three_layer": 3}
IMAGES = np.random.default_rng(0).normal(size=(7, PIXELS))


def made(block, **options):
    options = {"depth": DEPTH, "width": WIDTH, "num_classes": CLASSES, "block": block, **options}
    model = create("mlp", **options)
    return model, init(model, IMAGES, key=jax.random.key(1))


def dense(params, h):
    return h @ np.float64(params["kernel"]) + np.float64(params["bias"])


def normed(h):
    centred = h - h.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def by_hand(params, block, keep, scale, norm):
    act, norm = np.tanh, normed if norm == "layer" else lambda h: h
    x = dense(params["stem"], IMAGES)
    for k in range(DEPTH):
        layers = [params[f"block_{k}"][f"dense_{i}"] for i in range(LAYERS[block])]
        if block == "one_layer":
            h = dense(layers[0], act(norm(x)))
        else:
            h = dense(layers[0], norm(x))
            for layer in layers[1:]:
                h = dense(layer, act(h))
        x = keep * x + scale * h
    return dense(params["head"], act(norm(x)))


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("block", LAYERS)
@pytest.mark.parametrize(
    ("skip", "keep", "scale"),
    [
        ("none", 0, 1),
        ("identity", 1, 1),
        ("scaled", 1, DEPTH**-0.5),
        ("scaled(power=1)", 1, 1 / DEPTH),
        ("scaled(power=0)", 1, 1),
        ("constant(scale=1.25)", 1.25, 1),
    ],
)
def test_a_block_is_its_layers_under_one_shortcut(block, norm, skip, keep, scale):
    model, variables = made(block, skip=skip, norm=norm, activation="tanh")
    # Biases start at zero, which would hide them.
    moved = jax.tree.map(lambda leaf: leaf + 0.1, variables["params"])
    if norm == "layer":  # Their scales and biases stay at 1 and 0.
        for place in (moved["norm_head"], *(moved[f"block_{k}"]["norm_0"] for k in range(DEPTH))):
            place["layer"] = {"scale": np.ones(WIDTH), "bias": np.zeros(WIDTH)}
    found = model.apply({"params": moved}, IMAGES)
    expected = by_hand(moved, block, keep, scale, norm)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("block", LAYERS)
def test_each_layer_of_a_block_has_its_kernel_and_its_bias(block):
    model, _ = made(block)
    outside = (PIXELS + 1) * WIDTH + (WIDTH + 1) * CLASSES
    count = count_parameters(shapes(model, IMAGES)["params"])
    assert count == outside + DEPTH * LAYERS[block] * (WIDTH + 1) * WIDTH


def test_of_a_batch_normed_block_only_the_last_layer_lacks_its_bias_and_none_is_dead():
    model, variables = made("three_layer", norm="batch")
    layers = variables["params"]["block_1"]
    assert [("bias" in layers[f"dense_{i}"]) for i in range(3)] == [True, True, False]
    batch = {"image": IMAGES, "label": np.arange(7) % CLASSES}
    loss = CrossEntropy(model, {"batch_stats": variables["batch_stats"]}, train=True)
    for leaf in jax.tree.leaves(jax.grad(loss)(variables["params"], batch)):
        assert np.abs(leaf).max() > 0


def test_scanned_blocks_of_three_layers_are_the_unrolled_ones():
    model, variables = made("three_layer", scan=True)
    single, _ = made("three_layer")
    unrolled = single.apply(unstack(variables), IMAGES)
    np.testing.assert_allclose(model.apply(variables, IMAGES), unrolled, rtol=1e-10)


def test_every_nonlinearity_of_a_block_leaves_its_input_under_a_name_of_its_own():
    model, variables = made("three_layer")
    found = activations(model, variables, IMAGES)
    names = {name for name in found if name.startswith("block_0/preact")}
    assert names == {"block_0/preactivation", "block_0/preactivation_1"}


def test_a_power_below_zero_is_refused():
    with pytest.raises(ValueError, match="`power` of the skip must be at least 0 and finite"):
        create("mlp", skip="scaled(power=-1)")

"""Feature reuse of networks whose slices are planted, and ablations in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.signals import feature_reuse


def chain(params, x):
    # Sources of 2, 3 and 2 features; their order is that of computation, not of the names.
    first = x @ params["z"]
    both = jnp.concatenate([first, x @ params["m"]], -1)
    return jnp.concatenate([jnp.tanh(both), both @ params["k"]], -1) @ params["a"]


def planted(scale=1.0):
    sizes = {"z": (4, 2), "m": (4, 3), "k": (5, 2), "a": (7, 1)}
    params = {name: jnp.full(size, scale) for name, size in sizes.items()}
    params["k"] = params["k"].at[2:].set(-3 * scale)
    params["a"] = params["a"].at[2:5].set(5 * scale).at[5:].set(jnp.array([[7.0], [9.0]]) * scale)
    return params


def mean(params, x):
    return jnp.mean(chain(params, x))


def test_planted_slices_are_found_in_the_order_of_computation():
    params, start = planted(), jax.tree.map(lambda leaf: jnp.full_like(leaf, -2.0), planted())
    found = feature_reuse(mean, params, jnp.ones((2, 4)), start=start)
    assert found.sources[:2] in (("m", "z"), ("z", "m")) and found.sources[2] == "k"
    assert found.targets == ("k", "a")
    row = {name: found.mean_weights[i].tolist() for i, name in enumerate(found.sources)}
    np.testing.assert_equal(row, {"z": [1.0, 1.0], "m": [3.0, 5.0], "k": [np.nan, 8.0]})
    np.testing.assert_array_equal(found.relative, found.mean_weights / 2)
    # L1 norm over the number of input maps: each has 2 weights in k and 1 in a.
    np.testing.assert_array_equal(found.norms, found.mean_weights * np.array([[2.0, 1.0]]))
    spread = found.standard_errors[2, 1]
    assert spread == pytest.approx(1 / np.sqrt(2)) and np.isnan(found.standard_errors[2, 0])


def test_an_ablation_changes_the_loss_by_what_the_slice_contributes():
    params = jax.tree.map(lambda leaf: leaf / 10, planted())
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)))
    found = feature_reuse(mean, params, x)
    z, m, k, a = (np.asarray(params[name]) for name in "zmka")
    first, second = np.asarray(x) @ z, np.asarray(x) @ m
    effects = {
        "z": [first @ k[:2] @ a[5:], np.tanh(first) @ a[:2]],
        "m": [second @ k[2:] @ a[5:], np.tanh(second) @ a[2:5]],
        "k": [np.full(1, np.nan), np.concatenate([first, second], -1) @ k @ a[5:]],
    }
    for i, name in enumerate(found.sources):
        expected = [-np.mean(effect) for effect in effects[name]]
        np.testing.assert_allclose(found.loss_changes[i], expected, rtol=1e-9)
    assert found.num_losses == 6 and found.loss == pytest.approx(float(mean(params, x)))


def test_slices_of_a_densenet_are_stem_and_growth_and_those_of_the_transitions():
    options = {"width": 4, "growth": 3, "compression": 0.5, "bottleneck": True}
    model = models.create("densenet", depth=16, num_classes=2, norm="none", **options)
    image = jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.float32)
    params = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), models.shapes(model, image)["params"]
    )
    reads = "stage_1_block_1/conv_0/kernel"
    # int(0.5 * (4 + 3 + 3)) = 5 channels behind the transition, 3 of the layer before.
    kernel = params["stage_1_block_1"]["conv_0"]["kernel"]
    params["stage_1_block_1"]["conv_0"]["kernel"] = (
        kernel.at[..., :5, :].set(2).at[..., 5:, :].set(3)
    )
    found = feature_reuse(
        Untrained(model), params, jnp.zeros(image.shape, image.dtype), ablate=False
    )
    makers = ["transition_0/conv/kernel", "stage_1_block_0/conv_1/kernel"]
    column = found.mean_weights[:, found.targets.index(reads)]
    assert [s for s, v in zip(found.sources, column, strict=True) if v > 0] == makers
    assert column[np.isfinite(column)].tolist() == [2.0, 3.0]
    assert found.sources[0] == "stem/kernel" and found.targets[-1] == "head/kernel"
    # Each stage has layers 0 and 1 and its end as targets, with 1, 2 and 3 sources.
    assert np.isfinite(found.mean_weights).sum(0).tolist() == [1, 2, 3] * 3
    assert np.isnan(found.loss_changes).all() and found.num_losses == 1


@jax.tree_util.register_static
class Untrained:
    """The sum of the logits, as a loss that costs little to compile."""

    def __init__(self, model):
        self.model = model

    def __call__(self, params, images):
        return self.model.apply({"params": params}, images).sum()


def test_networks_without_a_choice_of_sources_are_refused():
    params = {"a": jnp.ones((3, 3)), "b": jnp.ones((3, 2))}
    x = jnp.ones((2, 3))
    with pytest.raises(ValueError, match="`loss` concatenates no features"):
        feature_reuse(lambda p, x: (x @ p["a"] @ p["b"]).sum(), params, x)

    def mixed(p, x):
        h = x @ p["a"]
        h = h + jnp.concatenate([h @ p["b"], h @ p["c"]], -1) @ p["d"]
        return jnp.sum(h)

    more = params | {"c": jnp.ones((3, 2)), "d": jnp.ones((4, 3))}
    with pytest.raises(ValueError, match="`start` must have the structure"):
        feature_reuse(mixed, more, x, start=params)
    with pytest.raises(ValueError, match="`loss` adds what layers make"):
        feature_reuse(mixed, more, x)

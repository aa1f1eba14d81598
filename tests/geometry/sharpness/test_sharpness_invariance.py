"""Rescaling a network that stays the same function (Dinh et al. 2017): which measures move, which do not.

Each result says so itself in `invariant_under`; here both directions are held against it.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import geometry
from lsgeo.geometry.sharpness._scalings import ALL, LAYERS, NORMALIZED, UNITS

KEY = jax.random.key(1)


def predict(params, batch):
    hidden = batch["x"] @ params["dense_0"]["kernel"] + params["dense_0"]["bias"][None, :]
    hidden = jax.nn.relu(hidden) @ params["dense_1"]["kernel"] + params["dense_1"]["bias"][None, :]
    # A layer norm with epsilon 0: it frees dense_2's input of the scale of dense_1.
    centred = hidden - hidden.mean(axis=1, keepdims=True)
    normed = centred / jnp.sqrt(jnp.mean(centred**2, axis=1, keepdims=True))
    return normed @ params["dense_2"]["kernel"]


def loss(params, batch):
    logs = jax.nn.log_softmax(predict(params, batch))
    return -jnp.mean(jnp.sum(batch["y"] * logs, axis=1))


@functools.cache
def network():
    rng = np.random.default_rng(2)
    sizes = {"dense_0": (3, 4), "dense_1": (4, 4), "dense_2": (4, 3)}
    params = {
        name: {"kernel": rng.normal(size=size), "bias": 0.5 * rng.normal(size=size[1])}
        for name, size in sizes.items()
    }
    del params["dense_2"]["bias"]
    batch = {"x": rng.normal(size=(10, 3)), "y": np.eye(3)[rng.integers(0, 3, 10)]}
    return jax.tree.map(jnp.asarray, (params, batch))


def rescaled(params, change):
    """The same function with other weights."""
    scaled = {name: dict(layer) for name, layer in params.items()}
    if change == NORMALIZED:
        scaled["dense_1"] = jax.tree.map(lambda leaf: 2.5 * leaf, params["dense_1"])
        return scaled
    factors = jnp.full(4, 3.0) if change == LAYERS else jnp.array([0.3, 1.0, 2.0, 5.0])
    scaled["dense_0"] = {
        "kernel": params["dense_0"]["kernel"] * factors[None, :],
        "bias": params["dense_0"]["bias"] * factors,
    }
    scaled["dense_1"]["kernel"] = params["dense_1"]["kernel"] / factors[:, None]
    return scaled


def _measures():
    for scaling in ("none", "magnitude", "filter"):
        yield f"lambda_max, {scaling}", geometry.hessian_sharpness, "largest", {"scaling": scaling}
        options = {"scaling": scaling, "radius": 0.1}
        for ball in ("l2", "linf"):
            more = {**options, "ball": ball}
            average = {**more, "num_pairs": 4}
            yield f"average {ball}, {scaling}", geometry.average_sharpness, "value", average
            worst = {**more, "num_starts": 2, "num_steps": 5}
            yield f"worst {ball}, {scaling}", geometry.worst_sharpness, "value", worst
            yield f"SAM {ball}, {scaling}", geometry.sam_sharpness, "value", more
        noise = {"scaling": scaling, "num_pairs": 4}
        yield f"PAC-Bayes, {scaling}", geometry.pac_bayes_sigma, "sigma", noise
    yield "Keskar", geometry.keskar_sharpness, "value", {"num_starts": 2, "num_steps": 5}
    yield "filter radius", geometry.filter_radius, "median", {"num_directions": 3}
    yield "Fisher-Rao", geometry.fisher_rao_norm, "squared", {}


MEASURES = list(_measures())


def _measured(function, params, options):
    batch = network()[1]
    if function is geometry.fisher_rao_norm:
        return function(predict, params, batch, **options)
    keyed = {} if function is geometry.sam_sharpness else {"key": KEY}
    return function(loss, params, batch, **keyed, **options)


@pytest.mark.parametrize("change", ALL)
def test_rescaling_leaves_the_function_alone(change):
    params, batch = network()
    moved = rescaled(params, change)
    one, other = (jax.jit(predict)(weights, batch) for weights in (params, moved))
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert not np.allclose(moved["dense_1"]["kernel"], params["dense_1"]["kernel"])


@pytest.mark.parametrize(("name", "function", "field", "options"), MEASURES)
def test_a_measure_stays_under_the_changes_that_it_names_and_moves_with_all_others(
    name, function, field, options
):
    params = network()[0]
    before = _measured(function, params, options)
    for change in ALL:
        after = _measured(function, rescaled(params, change), options)
        shift = abs(getattr(after, field) / getattr(before, field) - 1)
        if change in before.invariant_under:
            assert shift < 1e-8, change
        else:
            assert shift > 1e-3, change


def test_only_weights_that_no_rescaling_can_move_are_left_to_the_declared_measures():
    named = {name: set(_measured(f, network()[0], o).invariant_under) for name, f, _, o in MEASURES}
    assert named["Fisher-Rao"] == {LAYERS, UNITS, NORMALIZED}
    assert named["filter radius"] == named["PAC-Bayes, filter"] == {LAYERS, NORMALIZED}
    assert named["SAM l2, magnitude"] == {LAYERS, UNITS, NORMALIZED}
    plain = [under for name, under in named.items() if name.endswith("none") or name == "Keskar"]
    assert len(plain) == 9 and not any(plain)


def test_the_trace_of_a_rescaled_layer_scales_with_the_inverse_square():
    params, batch = network()
    before, after = (lsgeo.hessian(loss, p, batch) for p in (params, rescaled(params, LAYERS)))
    for layer, factor in (("dense_0/*", 1 / 9), ("dense_1/kernel", 9.0)):
        old, new = (np.trace(op.restrict(layer).to_dense()) for op in (before, after))
        np.testing.assert_allclose(new, factor * old, rtol=1e-8)

"""Oracles: O8 and O9 (Hv in closed form), dense spectra at exact solutions, planted redundant units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import geometry

RNG = np.random.default_rng(4)
X = jnp.asarray(RNG.normal(size=(40, 3)))


def dense(layer, x):
    return x @ layer["kernel"] + layer["bias"][None, :]


def make(seed=7, **sizes):
    rng = np.random.default_rng(seed)
    return {
        name: {
            "kernel": jnp.asarray(rng.normal(size=size)),
            "bias": jnp.asarray(rng.uniform(0.5, 1.5, size[1])),  # units that live
        }
        for name, size in sizes.items()
    }


def plain(params, x):
    x = jax.nn.relu(dense(params["a"], x))
    return dense(params["c"], jax.nn.relu(dense(params["b"], x)))


PLAIN = make(24, a=(3, 4), b=(4, 3), c=(3, 2))
CHAIN = geometry.dense_chain(PLAIN, ["a", "b", "c"])


def squared(predict):
    return lambda params, batch: jnp.mean((predict(params, batch["x"]) - batch["y"]) ** 2)


PLAIN_LOSS = squared(plain)
ANYWHERE = {"x": X, "y": jnp.asarray(RNG.normal(size=(40, 2)))}


def test_every_hidden_unit_of_a_plain_relu_net_has_hv_equal_to_minus_and_plus_its_gradient():
    found = geometry.symmetry_modes(PLAIN_LOSS, PLAIN, ANYWHERE, symmetries=CHAIN)
    assert found.count == 7 and found.holds.all()
    assert found.residuals.max() < 1e-13 and found.gradient.max() < 1e-13
    # The dense Hessian says the same of the first unit, written out by hand.
    gradient = jax.jit(jax.grad(PLAIN_LOSS))(PLAIN, ANYWHERE)
    assert all(np.all(gradient[layer]["bias"] != 0) for layer in "ab")  # no unit is dead
    v, expected = (jax.tree.map(np.zeros_like, PLAIN) for _ in range(2))
    for tree, source, sign in ((v, PLAIN, 1), (expected, gradient, -1)):
        tree["a"]["kernel"][:, 0] = sign * source["a"]["kernel"][:, 0]
        tree["a"]["bias"][0] = sign * source["a"]["bias"][0]
        tree["b"]["kernel"][0] = -sign * source["b"]["kernel"][0]
    hv = lsgeo.hessian(PLAIN_LOSS, PLAIN, ANYWHERE) @ v
    vector, product, exact = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (v, hv, expected)
    )
    np.testing.assert_allclose(product, exact, atol=1e-13)
    form = vector @ product / (vector @ vector)
    np.testing.assert_allclose(found.rayleigh[0], form, rtol=1e-10)


def test_at_a_solution_the_dense_spectrum_has_as_many_zeros_as_modes_are_counted():
    batch = {"x": X, "y": jax.jit(plain)(PLAIN, X)}
    found = geometry.symmetry_modes(PLAIN_LOSS, PLAIN, batch, symmetries=CHAIN)
    values = np.linalg.eigvalsh(lsgeo.hessian(PLAIN_LOSS, PLAIN, batch).to_dense())
    assert np.sum(np.abs(values) < 1e-12 * values[-1]) == found.count == 7
    assert np.abs(found.rayleigh).max() < 1e-13


def test_a_one_layer_residual_block_has_no_mode_and_a_two_layer_block_one_per_inner_unit():
    def residual(params, x):
        x = dense(params["stem"], x)
        x = x + dense(params["outer"], jax.nn.relu(dense(params["inner"], jax.nn.relu(x))))
        return dense(params["head"], jax.nn.relu(x))

    params = make(stem=(3, 4), inner=(4, 5), outer=(5, 4), head=(4, 2))
    pairs = [["stem", "inner"], ["outer", "head"], ["inner", "outer"]]
    symmetries = [geometry.dense_chain(params, pair)[0] for pair in pairs]
    found = geometry.symmetry_modes(squared(residual), params, ANYWHERE, symmetries=symmetries)
    assert found.holds.tolist() == [False] * 8 + [True] * 5 and found.count == 5
    assert found.residuals[:8].min() > 1e-6


def test_a_smooth_activation_has_no_mode_and_a_mode_named_twice_counts_once():
    def smooth(params, x):
        x = jnp.tanh(dense(params["a"], x))
        return dense(params["c"], jax.nn.relu(dense(params["b"], x)))

    found = geometry.symmetry_modes(squared(smooth), PLAIN, ANYWHERE, symmetries=(*CHAIN, CHAIN[1]))
    assert found.holds.tolist() == [False] * 4 + [True] * 6
    assert found.count == 3 and "3 independent zero modes" in str(found)


def test_dead_units_have_no_say_in_their_neighbours_and_zero_units_are_no_mode():
    silent = jax.tree.map(lambda leaf: leaf, PLAIN)
    silent["a"] = {"kernel": silent["a"]["kernel"].at[:, 1].set(0), "bias": PLAIN["a"]["bias"]}
    silent["a"]["bias"] = silent["a"]["bias"].at[1].set(0)
    silent["b"]["kernel"] = silent["b"]["kernel"].at[1].set(0)
    found = geometry.symmetry_modes(PLAIN_LOSS, silent, ANYWHERE, symmetries=CHAIN)
    assert not found.holds[1] and found.count == 6


def normalised(epsilon, axis):
    def predict(params, x):
        h = dense(params["a"], x)
        centred = h - h.mean(axis=axis, keepdims=True)
        h = centred / jnp.sqrt(jnp.mean(centred**2, axis=axis, keepdims=True) + epsilon)
        return dense(params["c"], jnp.tanh(h))

    return squared(predict)


NORMALISED = make(a=(3, 4), c=(4, 2))
A_LAYER = ["a/kernel", "a/bias"]


@pytest.mark.filterwarnings("ignore:.*mixes the examples")
def test_weights_that_feed_a_layer_norm_have_one_mode_and_a_batch_norm_one_per_unit():
    layer = geometry.normalized(A_LAYER, per_unit=False)
    units = geometry.normalized(A_LAYER, per_unit=True)
    of_layer_norm = geometry.symmetry_modes(
        normalised(0.0, 1), NORMALISED, ANYWHERE, symmetries=[layer, units]
    )
    assert of_layer_norm.holds.tolist() == [True] + [False] * 4 and of_layer_norm.count == 1
    np.testing.assert_allclose(of_layer_norm.rayleigh[0], 0, atol=1e-13)  # w'Hw = 0
    of_batch_norm = geometry.symmetry_modes(
        normalised(0.0, 0), NORMALISED, ANYWHERE, symmetries=[layer, units]
    )
    # The layer's mode is the sum of its units'.
    assert of_batch_norm.holds.all() and of_batch_norm.count == 4
    rounded = geometry.symmetry_modes(normalised(1e-2, 1), NORMALISED, ANYWHERE, symmetries=[layer])
    assert rounded.count == 0 and 1e-8 < rounded.residuals[0] < 0.1


def test_channels_of_a_convolution_rescale_along_the_last_axis_and_the_last_but_one():
    def predict(params, x):
        h = jnp.einsum("nhwi,hwio->no", x, params["conv"]["kernel"])
        return jnp.einsum("ni,hwio->no", jax.nn.relu(h), params["next"]["kernel"])

    rng = np.random.default_rng(1)
    params = {
        "conv": {"kernel": jnp.asarray(rng.normal(size=(2, 2, 3, 4)))},
        "next": {"kernel": jnp.asarray(rng.normal(size=(1, 1, 4, 2)))},
    }
    batch = {"x": jnp.asarray(rng.normal(size=(9, 2, 2, 3))), "y": jnp.ones((9, 2))}
    chain = geometry.dense_chain(params, ["conv", "next"])
    found = geometry.symmetry_modes(squared(predict), params, batch, symmetries=chain)
    assert found.count == 4 and found.holds.all()


def test_overlap_finds_planted_twins_whatever_their_scale_and_knows_independent_units():
    kernel = np.random.default_rng(2).normal(size=(200, 30))
    kernel[:, 5] = 3 * kernel[:, 17]
    params = {"in": {"kernel": jnp.asarray(kernel)}, "out": {"kernel": jnp.ones((30, 2))}}
    (symmetry,) = geometry.dense_chain(params, ["in", "out"])
    found = geometry.unit_overlap(params, symmetry)
    assert set(np.flatnonzero(found.nearest > 0.999)) == {5, 17}
    np.testing.assert_allclose(found.cosines[0, 1], np.corrcoef(*kernel[:, :2].T)[0, 1], atol=0.02)
    # 434 pairs: the mean of |cosine| has a standard error of 3.6 %.
    np.testing.assert_allclose(found.mean_absolute, np.sqrt(2 / (np.pi * 200)), rtol=0.15)


def test_strength_is_zero_for_an_eliminated_unit_and_invariant_under_rescaling():
    factors = np.array([0.1, 1.0, 5.0, 2.0])
    moved = {name: dict(layer) for name, layer in PLAIN.items()}
    moved["a"] = {
        "kernel": PLAIN["a"]["kernel"] * factors[None],
        "bias": PLAIN["a"]["bias"] * factors,
    }
    moved["b"]["kernel"] = PLAIN["b"]["kernel"] / factors[:, None]
    one, other = (geometry.unit_elimination(params, CHAIN[0]) for params in (PLAIN, moved))
    np.testing.assert_allclose(one.strengths, other.strengths, rtol=1e-12)
    assert not np.allclose(one.incoming, other.incoming)
    by_hand = np.linalg.norm(np.r_[PLAIN["a"]["kernel"][:, 2], PLAIN["a"]["bias"][2]])
    np.testing.assert_allclose(one.incoming[2], by_hand)
    np.testing.assert_allclose(one.outgoing[2], np.linalg.norm(PLAIN["b"]["kernel"][2]))
    moved["b"]["kernel"] = moved["b"]["kernel"].at[3].set(0)
    gone = geometry.unit_elimination(moved, CHAIN[0])
    assert gone.strengths[3] == 0 and "1 below 0.1" in str(gone)


def test_linear_dependence_finds_planted_combinations_and_agrees_with_least_squares():
    rng = np.random.default_rng(3)
    h = rng.normal(size=(60, 6))
    h[:, 2] = 2 * h[:, 0] - 0.01 * h[:, 1]
    h[:, 4] = 0
    found = geometry.linear_dependence(h)
    assert found.rank == 4 and found.dead == 1 and found.num_examples == 60
    np.testing.assert_allclose(found.unexplained[:3], 0, atol=1e-7)
    for unit in (3, 5):
        others = np.delete(h, unit, axis=1)
        fit = others @ np.linalg.lstsq(others, h[:, unit], rcond=1e-10)[0]
        exact = np.linalg.norm(h[:, unit] - fit) / np.linalg.norm(h[:, unit])
        np.testing.assert_allclose(found.unexplained[unit], exact, rtol=1e-8)
    scaled = geometry.linear_dependence(h * np.array([1e-3, 1, 1, 1e3, 1, 1]))
    np.testing.assert_allclose(
        scaled.singular_values, found.singular_values, rtol=1e-10, atol=1e-14
    )
    orthogonal = geometry.linear_dependence(np.eye(5)[:, :3])
    np.testing.assert_allclose(orthogonal.unexplained, 1)
    np.testing.assert_allclose(orthogonal.effective_rank, 3)
    single = geometry.linear_dependence(np.outer(np.arange(4.0), np.ones(3)))
    np.testing.assert_allclose(single.effective_rank, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geometry.dense_chain(PLAIN, ["a", "d"]), "`layers` names 'd'.* There are: a/bias"),
        (lambda: geometry.dense_chain(PLAIN, ["a", "c"]), "a has 4 units, and c reads 3"),
        (lambda: _modes([]), "`symmetries` is empty"),
        (
            lambda: _modes([geometry.normalized(["x"], per_unit=True)]),
            "names 'x', which is no leaf",
        ),
        (
            lambda: _modes([geometry.rescaling(incoming={"a/kernel": 2}, outgoing=["b/kernel"])]),
            r"takes axis 2 of a/kernel, which has shape \(3, 4\)",
        ),
        (
            lambda: _modes([geometry.rescaling(incoming=["a/kernel"], outgoing=["c/kernel"])]),
            "do not have equally many units: {'a/kernel': 4, 'c/kernel': 3}",
        ),
        (lambda: geometry.normalized("a/kernel", per_unit=True), "paths must be a list of text"),
        (
            lambda: geometry.unit_elimination(PLAIN, geometry.normalized(A_LAYER, per_unit=True)),
            "`symmetry` must have outgoing leaves",
        ),
        (
            lambda: geometry.unit_overlap(PLAIN, geometry.normalized(A_LAYER, per_unit=False)),
            "`symmetry` must have at least two units; got 1",
        ),
        (lambda: geometry.linear_dependence(np.ones(3)), "`activations` must be a real array"),
        (lambda: geometry.linear_dependence(np.full((3, 2), np.nan)), "`activations` has a NaN"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def _modes(symmetries):
    return geometry.symmetry_modes(PLAIN_LOSS, PLAIN, ANYWHERE, symmetries=symmetries)

"""Oracle: the norm of each filter, taken by hand over explicit slices of every kernel layout."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.geometry import (
    filter_normalized_directions,
    normalize_direction,
    normalize_filters,
    random_direction,
    random_directions,
)

# Few sizes: each is a sampler to compile.
SHAPES = {
    "Dense_0": {"kernel": (8, 6), "bias": (6,)},
    "Conv_0": {"kernel": (2, 2, 2, 6), "bias": (6,)},
    "Conv1d_0": {"kernel": (2, 4, 6)},
    "depthwise": {"kernel": (2, 4, 1, 6)},
    "pointwise": {"kernel": (1, 1, 8, 6)},
    "single": {"kernel": (1, 6)},
    "embed": {"embedding": (8, 6)},
    "attention": {
        "query": {"kernel": (8, 2, 3), "bias": (2, 3)},
        "key": {"kernel": (8, 2, 3), "bias": (2, 3)},
        "value": {"kernel": (8, 2, 3), "bias": (2, 3)},
        "out": {"kernel": (2, 3, 8), "bias": (8,)},
    },
    "BatchNorm_0": {"scale": (6,), "bias": (6,)},
    "class_token": (1, 1, 6),
    "gate": (),
}


def parameters(seed=0, dtype=jnp.float64):
    shapes, structure = jax.tree.flatten(SHAPES, is_leaf=lambda node: isinstance(node, tuple))
    rng = np.random.default_rng(seed)
    leaves = [np.asarray(rng.normal(size=shape) * 3.0 + 1.0, dtype) for shape in shapes]
    return jax.tree.unflatten(structure, leaves)


def drawn(params, key, **options):
    return jax.device_get(random_directions(params, key=key, count=1, **options))[0]


def filters(kernel, layer):
    if layer in ("query", "key", "value"):
        return [kernel[:, head, unit] for head in range(2) for unit in range(3)]
    return [kernel[..., unit] for unit in range(kernel.shape[-1])]


def kernels(tree):
    found = {**tree, **tree["attention"]}
    names = [name for name in found if isinstance(found[name], dict) and "kernel" in found[name]]
    return {name: found[name]["kernel"] for name in names} | {"embed": tree["embed"]["embedding"]}


def test_filter_normalised_directions_have_the_norm_of_each_filter_in_every_kernel_layout():
    params = parameters()
    direction = drawn(params, jax.random.key(1))
    expected, found = kernels(params), kernels(direction)
    assert len(expected) == 11
    for layer, kernel in expected.items():
        pairs = zip(filters(kernel, layer), filters(found[layer], layer), strict=True)
        for weights, moved in pairs:
            # Two norms, a quotient and a product: a few roundings of float64.
            np.testing.assert_allclose(np.linalg.norm(moved), np.linalg.norm(weights), rtol=1e-14)


def test_filter_normalised_directions_do_not_have_the_norm_over_the_input_side():
    params = parameters()
    direction = drawn(params, jax.random.key(1))
    rows = np.linalg.norm(direction["Dense_0"]["kernel"], axis=1)
    assert not np.allclose(rows, np.linalg.norm(params["Dense_0"]["kernel"], axis=1), rtol=1e-2)


def test_biases_norms_gates_and_tokens_do_not_move():
    direction = drawn(parameters(), jax.random.key(2))
    still = [
        direction["Dense_0"]["bias"],
        direction["attention"]["query"]["bias"],
        direction["BatchNorm_0"]["scale"],
        direction["class_token"],
        direction["gate"],
    ]
    assert all(not np.any(leaf) for leaf in still)


def test_twins_with_other_weights_and_further_leaves_get_the_same_raw_direction():
    key = jax.random.key(3)
    twin = {**parameters(seed=9), "another": {"kernel": jnp.ones((2, 2))}}
    one, other = random_direction(parameters(), key=key), random_direction(twin, key=key)
    del other["another"]
    chex.assert_trees_all_equal(one, other)


def test_independent_directions_are_nearly_orthogonal_and_equal_keys_give_equal_directions():
    params = {"kernel": jnp.ones((400, 50)), "other": {"kernel": jnp.ones((400, 50))}}
    one, two = filter_normalized_directions(params, key=jax.random.key(4))
    vectors = [one["kernel"], two["kernel"], one["other"]["kernel"]]
    for left, right in [(0, 1), (0, 2)]:
        cosine = jnp.vdot(vectors[left], vectors[right]) / 20000
        assert abs(cosine) < 4 / np.sqrt(20000)  # four standard errors of a random cosine
    again, _ = filter_normalized_directions(params, key=jax.random.key(4))
    assert np.array_equal(again["kernel"], one["kernel"])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_directions_keep_the_dtype_and_scale_with_weights_whose_squares_underflow(dtype):
    params = {"kernel": jnp.full((6, 2), 1e-30, dtype)}
    (direction,) = filter_normalized_directions(params, key=jax.random.key(5), count=1)
    assert direction["kernel"].dtype == dtype
    norms = np.linalg.norm(np.asarray(direction["kernel"], np.float64), axis=0)
    expected = np.linalg.norm(np.asarray(params["kernel"], np.float64), axis=0)
    np.testing.assert_allclose(norms, expected, rtol=4 * float(jnp.finfo(dtype).eps))


def test_a_filter_of_zeros_stays_and_nan_weights_give_nan():
    params = {"kernel": jnp.array([[0.0, jnp.nan, 1.0], [0.0, 1.0, 1.0]])}
    (direction,) = filter_normalized_directions(params, key=jax.random.key(6), count=1)
    zero, broken, sound = direction["kernel"].T
    assert not np.any(zero) and np.all(np.isnan(broken)) and np.all(np.isfinite(sound))


def test_normalize_filters_of_a_given_direction_keeps_each_filters_orientation():
    params = {"kernel": jnp.array([[3.0, 0.0], [4.0, 2.0]])}
    given = {"kernel": jnp.array([[1.0, 0.0], [0.0, -7.0]])}
    expected = [[5.0, 0.0], [0.0, -2.0]]
    assert np.array_equal(normalize_filters(given, params)["kernel"], expected)


def test_layer_and_global_normalisation_give_leaves_and_the_whole_the_parameters_norm():
    params, key = parameters(), jax.random.key(7)
    kinds = ("layer", "global", "raw")
    layer, whole, raw = (drawn(params, key, normalization=kind) for kind in kinds)
    for name, kernel in kernels(params).items():
        found = np.linalg.norm(kernels(layer)[name])
        np.testing.assert_allclose(found, np.linalg.norm(kernel), rtol=1e-14)
    moving = [kernel.reshape(-1) for kernel in kernels(params).values()]
    norm = np.linalg.norm(np.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(whole)]))
    np.testing.assert_allclose(norm, np.linalg.norm(np.concatenate(moving)), rtol=1e-14)
    one = random_direction(params, key=jax.random.split(key, 1)[0])
    for name, kernel in kernels(raw).items():
        assert np.array_equal(kernel, kernels(one)[name])
        ratio = kernels(whole)[name] / kernel
        np.testing.assert_allclose(ratio, ratio.reshape(-1)[0], rtol=1e-13)


def test_small_leaves_that_are_kept_have_their_norm_as_a_whole_and_are_not_the_parameters():
    params = parameters()
    direction = drawn(params, jax.random.key(8), small_leaves="keep")
    for pick in (
        lambda tree: tree["Dense_0"]["bias"],
        lambda tree: tree["attention"]["query"]["bias"],
        lambda tree: tree["BatchNorm_0"]["scale"],
        lambda tree: tree["class_token"],
        lambda tree: tree["gate"],
    ):
        weights, moved = np.ravel(pick(params)), np.ravel(pick(direction))
        np.testing.assert_allclose(np.linalg.norm(moved), np.linalg.norm(weights), rtol=1e-14)
        assert weights.size == 1 or abs(np.dot(moved, weights)) < 0.999 * np.dot(weights, weights)


def test_the_cosine_of_two_random_directions_has_mean_zero():
    # Signs of a step without a mean; directions drawn from [0, 1] have a cosine of 3/4.
    params = {"kernel": jnp.ones((20, 5))}
    keys = jax.random.split(jax.random.key(9), 200)

    def cosine(key):
        one, two = random_directions(params, key=key, normalization="global")
        return jnp.vdot(one["kernel"], two["kernel"]) / 100

    found = jax.jit(jax.vmap(cosine))(keys)
    # Standard deviation 1 / sqrt(100) each; four standard errors of the mean, and the spread to 20 %.
    assert abs(found.mean()) < 4 * 0.1 / np.sqrt(200)
    assert 0.08 < found.std() < 0.12


def test_twins_get_the_same_normalised_direction_but_for_the_norms_of_their_own_filters():
    one, other = (drawn(parameters(seed), jax.random.key(10)) for seed in (0, 9))
    for layer, kernel in kernels(one).items():
        for a, b in zip(filters(kernel, layer), filters(kernels(other)[layer], layer), strict=True):
            cosine = np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)
            np.testing.assert_allclose(cosine, 1, rtol=1e-14)
    assert not np.allclose(one["Dense_0"]["kernel"], other["Dense_0"]["kernel"])


def test_unknown_options_are_refused_by_name():
    params = {"kernel": jnp.ones((2, 2))}
    for option in ("normalization", "small_leaves"):
        with pytest.raises(ValueError, match=rf"`{option}` must be one of .*got 'cube'"):
            normalize_direction(params, params, **{option: "cube"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": 0}, r"`key` must be one typed random key"),
        ({"key": jax.random.split(jax.random.key(0))}, r"`key` must be one typed random key"),
        ({"count": 0}, r"`count` must be at least 1; got 0"),
        ({"params": {}}, r"`params` must hold at least one array"),
        ({"params": {"steps": jnp.arange(3)}}, r"`params` must be real floating.*\['steps'\]"),
        ({"params": {"rate": 0.1}}, r"`params` must be real floating.*float.*\['rate'\]"),
    ],
)
def test_bad_arguments_are_refused_by_name(change, message):
    params = {"kernel": jnp.ones((2, 2))}
    arguments = {"params": params, "key": jax.random.key(0), "count": 2} | change
    with pytest.raises(ValueError, match=message):
        filter_normalized_directions(arguments.pop("params"), **arguments)


def test_a_direction_of_another_network_is_refused():
    params = {"kernel": jnp.ones((2, 2))}
    with pytest.raises(
        ValueError, match="`direction` and `params` must be parameters of one network"
    ):
        normalize_filters({"weights": jnp.ones((2, 2))}, params)
    with pytest.raises(
        ValueError,
        match=r"`direction` and `params` .* kernel has shape \(3, 2\) in the one and \(2, 2\)",
    ):
        normalize_filters({"kernel": jnp.ones((3, 2))}, params)


def test_stacked_blocks_have_the_filters_of_their_single_twins_and_positions_have_none():
    kernels = jax.random.normal(jax.random.key(3), (3, 4, 5), jnp.float64)
    attention = jax.random.normal(jax.random.key(4), (3, 4, 2, 2), jnp.float64)
    single = {
        f"block_{i}": {"dense": {"kernel": kernels[i]}, "query": {"kernel": attention[i]}}
        for i in range(3)
    }
    stacked = {"blocks": {"dense": {"kernel": kernels}, "query": {"kernel": attention}}}
    stacked["blocks"]["gamma"] = jnp.ones((3, 5))
    stacked["positions"] = jnp.ones((7, 5))
    both = [normalize_filters(jax.tree.map(jnp.cos, tree), tree) for tree in (single, stacked)]
    one, other = jax.device_get(both)
    for i in range(3):
        for name in ("dense", "query"):
            expected = one[f"block_{i}"][name]["kernel"]
            np.testing.assert_allclose(other["blocks"][name]["kernel"][i], expected, rtol=1e-12)
    assert not other["blocks"]["gamma"].any() and not other["positions"].any()


def test_random_directions_see_the_mean_eigenvalue_of_a_hessian_and_not_the_largest():
    values = np.array([50.0, 3, 1, 1, 0, 0, 0, 0, 0, -1, -2, -4])
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]
    params = {"a": jnp.ones((2, 3)), "b": jnp.ones(6)}
    draws = jax.vmap(lambda key: random_direction(params, key=key))(
        jax.random.split(jax.random.key(0), 10_000)
    )
    flat = np.concatenate([np.reshape(leaf, (10_000, 6)) for leaf in draws.values()], axis=1)
    seen = ((flat @ turn) ** 2 @ values) / np.sum(flat**2, axis=1)
    error = seen.std(ddof=1) / 100
    assert abs(seen.mean() - values.mean()) < 4 * error < 0.6

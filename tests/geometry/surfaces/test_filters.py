"""Oracle: loops over the filters that a layout's definition names, and twins of one network in two layouts."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from lsgeo import geometry
from lsgeo.geometry import filter_normalized_directions, normalize_direction, random_direction

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(6, 4)))
IMAGES = jnp.asarray(RNG.normal(size=(2, 5, 5, 4)))
TOKENS = jnp.asarray(RNG.integers(0, 7, (2, 5)))
SEQUENCE = jnp.asarray(RNG.normal(size=(2, 5, 4)))


def drawn(*shape):
    """Weights whose filters differ in norm along every axis."""
    scales = np.ones(())
    for size in shape:
        scales = scales[..., None] * np.exp(RNG.normal(size=size))
    return jnp.asarray(scales * RNG.normal(size=shape))


def filters(array, units):
    """The filters of an array, one for each index along its axes of units."""
    array = np.asarray(array)
    for index in itertools.product(*(range(array.shape[axis]) for axis in units)):
        place = [slice(None)] * array.ndim
        for axis, i in zip(units, index, strict=True):
            place[axis] = i
        yield array[tuple(place)]


def check(direction, params, units):
    """Each filter moves by its own norm, and a leaf without units not at all."""
    leaves = zip(jax.tree.leaves(direction), jax.tree.leaves(params), units, strict=True)
    for moved, weights, axes in leaves:
        if axes is None:
            assert not np.any(moved)
            continue
        pairs = list(zip(filters(moved, axes), filters(weights, axes), strict=True))
        for one, own in pairs:
            np.testing.assert_allclose(np.linalg.norm(one), np.linalg.norm(own), rtol=1e-13)


def conv(x, kernel, spec, groups=1):
    numbers = ("NHWC", spec, "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=groups
    )


def attend(q, k, v):
    scores = jax.nn.softmax(jnp.einsum("bshd,bthd->bhst", q, k))
    return jnp.einsum("bhst,bthd->bshd", scores, v)


def flax_attention(w, x):
    q, k, v = (
        jnp.einsum("bsi,ihd->bshd", x, w[n]["kernel"]) + w[n]["bias"][None, None]
        for n in ("query", "key", "value")
    )
    return jnp.einsum("bshd,hdo->bso", attend(q, k, v), w["out"]["kernel"])


def torch_attention(w, x):
    packed = x @ w["in_proj_weight"].T + w["in_proj_bias"][None, None]
    q, k, v = (part.reshape(2, 5, 2, 2) for part in jnp.split(packed, 3, axis=-1))
    return attend(q, k, v).reshape(2, 5, 4) @ w["out_proj"]["weight"].T


def keras_depthwise(w, x):
    height, width, inputs, multiplier = w.shape
    return conv(x, w.reshape(height, width, 1, inputs * multiplier), "HWIO", inputs)


def scanned(w, x):
    def block(h, layer):
        return h + jnp.tanh(h @ layer["w"].T + layer["b"][None]), None

    return jax.lax.scan(block, x, w)[0]


def of_blocks(w, x):
    for block in w["blocks"]:
        x = x + jnp.tanh(x @ block["kernel"] + block["bias"][None])
    return x


def language(w, tokens):
    h = w["embed"][tokens] + w["positions"][None]
    return jnp.tanh(h @ w["hidden"].T) @ w["embed"].T


LAYOUTS = {
    "Flax, Keras and Haiku dense": (
        lambda w, x: x @ w["kernel"] + w["bias"][None],
        {"bias": drawn(4), "kernel": drawn(4, 4)}, X, [None, (1,)],
    ),
    "PyTorch and Equinox dense": (
        lambda w, x: x @ w["weight"].T + w["bias"][None],
        {"bias": drawn(4), "weight": drawn(4, 4)}, X, [None, (0,)],
    ),
    "an Equinox vmapped layer": (
        lambda w, x: jax.vmap(lambda row: w["weight"] @ row + w["bias"])(x),
        {"bias": drawn(4), "weight": drawn(4, 4)}, X, [None, (0,)],
    ),
    "conv HWIO": (lambda w, x: conv(x, w, "HWIO"), drawn(3, 3, 4, 4), IMAGES, [(3,)]),
    "conv OIHW, with a bias of rank 3": (
        lambda w, x: conv(x, w[1], "OIHW") + w[0].transpose(1, 2, 0)[None],
        [drawn(4, 1, 1), drawn(4, 4, 3, 3)], IMAGES, [None, (0,)],
    ),
    "grouped conv OIHW": (
        lambda w, x: conv(x, w, "OIHW", 2), drawn(6, 2, 3, 3), IMAGES, [(0,)],
    ),
    "depthwise conv HWIO": (
        lambda w, x: conv(x, w, "HWIO", 4), drawn(3, 3, 1, 8), IMAGES, [(3,)],
    ),
    "Keras's depthwise conv": (keras_depthwise, drawn(3, 3, 4, 2), IMAGES, [(2, 3)]),
    "a transposed conv of Keras and Haiku": (
        lambda w, x: jax.lax.conv_transpose(x, w, (2, 2), "SAME", transpose_kernel=True),
        drawn(3, 3, 5, 4), IMAGES, [(2,)],
    ),
    "attention by heads": (
        flax_attention,
        {
            "key": {"bias": drawn(2, 3), "kernel": drawn(4, 2, 3)},
            "out": {"kernel": drawn(2, 3, 4)},
            "query": {"bias": drawn(2, 3), "kernel": drawn(4, 2, 3)},
            "value": {"bias": drawn(2, 3), "kernel": drawn(4, 2, 3)},
        },
        SEQUENCE, [None, (1, 2), (2,), None, (1, 2), None, (1, 2)],
    ),
    "PyTorch's packed attention": (
        torch_attention,
        {
            "in_proj_bias": drawn(12), "in_proj_weight": drawn(12, 4),
            "out_proj": {"weight": drawn(4, 4)},
        },
        SEQUENCE, [None, (0,), (0,)],
    ),
    "a scanned stack": (scanned, {"b": drawn(3, 4), "w": drawn(3, 4, 4)}, X, [None, (0, 1)]),
    "a list called blocks": (
        of_blocks,
        {"blocks": [{"bias": drawn(4), "kernel": drawn(4, 4)} for _ in range(2)]},
        X, [None, (1,), None, (1,)],
    ),
    "a tied embedding": (
        language,
        {"embed": drawn(7, 4), "hidden": drawn(4, 4), "positions": drawn(5, 4)},
        TOKENS, [(1,), (0,), None],
    ),
    "an ensemble": (
        lambda w, x: jax.vmap(lambda one: x @ one.T)(w), drawn(3, 4, 4), X, [(0, 1)],
    ),
    "standardised weights": (
        lambda w, x: x @ ((w - w.mean(1, keepdims=True)) / w.std(1, keepdims=True)).T,
        drawn(4, 4), X, [(0,)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_filter_moves_by_its_own_norm_in_every_layout(layout):
    function, params, batch, units = LAYOUTS[layout]
    loss = lambda w, data: jnp.mean(function(w, data) ** 2)  # noqa: E731
    for traced in (function, loss):
        (found,) = filter_normalized_directions(params, key=KEY, count=1, loss=traced, batch=batch)
        check(found, params, units)


def test_an_equinox_linear_layer_whose_rows_differ_moves_each_row_by_its_own_norm():
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.Linear(20, 5, key=KEY)
    scales = jnp.array([1.0, 10, 0.1, 3, 1])[:, None]
    model = eqx.tree_at(lambda m: m.weight, model, model.weight * scales.astype(model.weight.dtype))
    params, static = eqx.partition(model, eqx.is_inexact_array)
    loss = lambda w, x: jnp.mean(jax.vmap(eqx.combine(w, static))(x) ** 2)  # noqa: E731
    batch = jnp.ones((3, 20), params.weight.dtype)
    for said in ({"loss": loss, "batch": batch}, {"axes": "equinox"}):
        found = filter_normalized_directions(params, key=KEY, **said)[0]
        ratios = jnp.linalg.norm(found.weight, axis=1) / jnp.linalg.norm(params.weight, axis=1)
        np.testing.assert_allclose(ratios, 1, rtol=1e-5)
        assert not found.bias.any()
    with pytest.raises(
        ValueError, match=r"The filters of weight, \(5, 20\), .* `loss` and `batch`"
    ):
        filter_normalized_directions(params, key=KEY)


class _Network(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.attention = nnx.MultiHeadAttention(2, 4, rngs=rngs, decode=False)
        self.blocks = nnx.List([nnx.Linear(4, 4, rngs=rngs) for _ in range(2)])

    def __call__(self, x):
        x = self.attention(x)
        for block in self.blocks:
            x = nnx.relu(block(x))
        return x


def test_nnx_attention_and_lists_have_their_filters_by_the_loss_and_by_their_names():
    graph, params, rest = nnx.split(_Network(), nnx.Param, ...)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    loss = lambda w, x: jnp.mean(nnx.merge(graph, w, rest)(x) ** 2)  # noqa: E731
    batch = SEQUENCE.astype(jnp.float32)
    read = normalize_direction(params, params, loss=loss, batch=batch)
    for axes in (None, "flax"):
        named = normalize_direction(params, params, axes=axes)
        assert jax.tree.all(jax.tree.map(np.array_equal, read, named))
    leaves = jax.tree_util.tree_leaves_with_path(read)
    still = {jax.tree_util.keystr(path) for path, leaf in leaves if not np.any(leaf)}
    assert len(leaves) == 12 and len(still) == 6 and all("bias" in name for name in still)


def flax_net(w, x):
    h = jnp.tanh(x @ w["a"]["kernel"] + w["a"]["bias"][None])
    return h @ w["b"]["kernel"]


def torch_net(w, x):
    h = jnp.tanh(x @ w["a"]["weight"].T + w["a"]["bias"][None])
    return h @ w["b"]["weight"].T


def twins():
    """One network in two layouts, with the loss of each."""
    first = {"a": {"bias": drawn(4), "kernel": drawn(4, 4)}, "b": {"kernel": drawn(4, 2)}}
    second = {
        "a": {"bias": first["a"]["bias"], "weight": first["a"]["kernel"].T},
        "b": {"weight": first["b"]["kernel"].T},
    }
    loss = lambda net: lambda w, x: jnp.mean((net(w, x) - 1) ** 2)  # noqa: E731
    return (loss(flax_net), first), (loss(torch_net), second)


def test_filter_scaled_sharpness_is_the_same_for_one_network_in_two_layouts():
    one, other = (
        geometry.hessian_sharpness(loss, params, X, key=KEY, scaling="filter").largest
        for loss, params in twins()
    )
    np.testing.assert_allclose(one, other, rtol=1e-10)
    one, other = (
        geometry.sam_sharpness(loss, params, X, scaling="filter", radius=0.1).value
        for loss, params in twins()
    )
    np.testing.assert_allclose(one, other, rtol=1e-10)
    _, (loss, params) = twins()
    halves = geometry.hessian_sharpness(
        loss, params, key=KEY, scaling="filter", batches=[X[:3], X[3:]]
    )
    whole = geometry.hessian_sharpness(loss, params, X, key=KEY, scaling="filter")
    np.testing.assert_allclose(halves.largest, whole.largest, rtol=1e-10)


def test_filter_radius_of_outputs_first_is_the_root_along_rows_of_their_own_norm():
    weight = drawn(3, 4)
    loss = lambda w, x: jnp.mean((x @ (w - weight).T) ** 2)  # noqa: E731
    found = geometry.filter_radius(loss, weight, X, key=KEY, rise=0.2, num_directions=6)
    for i, radius in enumerate(found.radii):
        rows = np.array(random_direction(weight, key=jax.random.fold_in(KEY, i)))
        for row, own in zip(rows, np.asarray(weight), strict=True):
            row *= np.linalg.norm(own) / np.linalg.norm(row)
        np.testing.assert_allclose(radius, math.sqrt(0.2 / np.mean((X @ rows.T) ** 2)), rtol=1e-3)


def test_axes_say_where_filters_lie_and_go_before_the_loss():
    params, rows = {"a": drawn(4, 4), "b": drawn(4, 4)}, lambda w, x: x @ w["a"].T @ w["b"].T
    said = {"a": (-2,), "b": ...}
    (found,) = filter_normalized_directions(
        params, key=KEY, count=1, loss=rows, batch=X, axes=said.__getitem__
    )
    check(found, params, [(1,), (0,)])
    said = {"a": None, "b": (0, 1)}
    (found,) = filter_normalized_directions(params, key=KEY, count=1, axes=said.__getitem__)
    check(found, params, [None, ()])


CONVENTIONS = {
    "flax": (
        {"conv": {"kernel": drawn(3, 4, 5)}, "mix": drawn(3, 4), "query": {"kernel": drawn(4, 2, 3)}},
        [(2,), (1,), (1, 2)],
    ),
    "haiku": (
        {
            "conv2_d_transpose": {"b": drawn(5), "w": drawn(3, 3, 5, 4)},
            "embed": {"embeddings": drawn(7, 4)},
            "mlp/~/linear_0": {"b": drawn(5), "w": drawn(4, 5)},
        },
        [None, (2,), (1,), None, (1,)],
    ),
    "pytorch": (
        {
            "0.conv.bias": drawn(5), "0.conv.weight": drawn(5, 4, 3, 3), "1.norm.weight": drawn(5),
            "attn.in_proj_weight": drawn(12, 4), "rnn.weight_hh_l0": drawn(9, 3),
            "tok_emb.weight": drawn(7, 4),
        },
        [None, (0,), None, (0,), (0,), (1,)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_convention_names_the_axis_of_its_units(convention):
    params, units = CONVENTIONS[convention]
    (found,) = filter_normalized_directions(params, key=KEY, count=1, axes=convention)
    check(found, params, units)


UNTOLD = {
    "a square matrix": (drawn(4, 4), "the only leaf"),
    "Equinox and PyTorch": ({"weight": drawn(4, 3)}, "weight"),
    "one output of PyTorch, beside Flax": (
        {"kernel": drawn(4, 3), "weight": drawn(1, 3)}, "weight",
    ),
    "Haiku": ({"linear": {"w": drawn(4, 3)}}, "linear/w"),
    "a list, as Keras has it": ([drawn(4, 3), drawn(3)], "0"),
    "a kernel of rank 3": ({"qkv": {"kernel": drawn(4, 2, 3)}}, "qkv/kernel"),
    "a kernel of rank 4": ({"qkv": {"kernel": drawn(4, 3, 2, 3)}}, "qkv/kernel"),
    "a convolution called query": (
        {"query": {"bias": drawn(5), "kernel": drawn(3, 4, 5)}}, "query/kernel",
    ),
    "a transposed convolution": ({"ConvTranspose_0": {"kernel": drawn(3, 4, 3)}}, "kernel"),
    "convolutions called blocks": (
        {"blocks": {"conv": {"kernel": drawn(3, 3, 4, 4)}}}, "blocks/conv/kernel",
    ),
    "a stack of another name": ({"layers": {"kernel": drawn(3, 4, 4)}}, "layers/kernel"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNTOLD)
def test_a_layout_that_names_do_not_tell_is_refused(case):
    params, name = UNTOLD[case]
    text = rf"The filters of .*{name}, \(.*cannot be told.*`loss` and `batch`.*`axes`"
    with pytest.raises(ValueError, match=text):
        filter_normalized_directions(params, key=KEY)


def test_what_the_loss_does_not_tell_is_refused_with_the_reason_and_axes_are_the_cure():
    params = [drawn(4, 2), drawn(2, 4)]
    low_rank = lambda w, x: x @ (w[0] @ w[1])  # noqa: E731
    text = r"The filters of 0, .*multiplied with another parameter.*`axes`"
    with pytest.raises(ValueError, match=text):
        filter_normalized_directions(params, key=KEY, loss=low_rank, batch=X)
    told = {"loss": low_rank, "batch": X, "axes": lambda path: (0,)}
    check(filter_normalized_directions(params, key=KEY, **told)[0], params, [(1,), (1,)])
    with pytest.raises(ValueError, match=text):
        geometry.filter_radius(lambda w, x: jnp.sum(low_rank(w, x) ** 2), params, X, key=KEY)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"axes": "tensorflow"}, "`axes` must be one of flax, haiku, .*got 'tensorflow'"),
        ({"axes": 1}, "`axes` must be one of .*or a function .*got 1"),
        (
            {"axes": lambda path: 0},
            r"`axes` must give a tuple .*got 0 for kernel of shape \(4, 3\)",
        ),
        ({"axes": lambda path: (2,)}, r"`axes` must give a tuple of axes.*got \(2,\)"),
        ({"loss": 3.0}, "`loss` must be callable; got float"),
    ],
)
def test_bad_axes_and_losses_are_refused_by_name(options, text):
    with pytest.raises(ValueError, match=text):
        filter_normalized_directions({"kernel": drawn(4, 3)}, key=KEY, **options)


def test_a_bias_for_each_entry_of_the_last_axis_and_a_square_window_tell_a_convolution():
    params = {
        "patches": {"bias": drawn(5), "kernel": drawn(4, 4, 3, 5)},
        "stem": {"kernel": drawn(3, 3, 4, 5)},
    }
    check(filter_normalized_directions(params, key=KEY)[0], params, [None, (3,), (3,)])


def test_plain_blocks_of_that_name_are_no_stack():
    params = {"blocks": {"one": {"bias": drawn(4), "kernel": drawn(4, 4)}}}
    check(filter_normalized_directions(params, key=KEY)[0], params, [None, (1,)])


def test_a_leaf_without_elements_stays_and_the_others_move():
    params = {"a": {"kernel": jnp.zeros((0, 3))}, "b": {"kernel": drawn(4, 3)}}
    found = filter_normalized_directions(params, key=KEY)[0]
    assert found["a"]["kernel"].shape == (0, 3)
    check(found["b"], params["b"], [(1,)])


def test_filters_are_found_inside_jit_and_at_the_cost_of_one_trace():
    traced = []

    def predict(w, x):
        traced.append(1)
        return x @ w.T

    weight, raw = drawn(4, 4), drawn(4, 4)
    inside = jax.jit(lambda d, w, x: geometry.normalize_filters(d, w, loss=predict, batch=x))
    check(inside(raw, weight, X), weight, [(0,)])
    assert len(traced) == 1


def test_layers_of_a_scanned_stack_are_scaled_one_by_one():
    params = {"b": drawn(3, 4), "w": drawn(3, 4, 4)}
    options = {"normalization": "layer", "small_leaves": "keep", "loss": scanned, "batch": X}
    (found,) = geometry.random_directions(params, key=KEY, count=1, **options)
    check(found, params, [(0,), (0,)])

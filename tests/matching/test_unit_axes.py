"""Oracle: for each layout, the axes that its definition sums over, written down by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.matching import unit_axes

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(5, 4)))
IMAGES = jnp.asarray(RNG.normal(size=(2, 6, 6, 4)))
TOKENS = jnp.asarray(RNG.integers(0, 7, (2, 5)))
WEIGHT, SQUARE = jnp.ones((4, 3)), jnp.ones((4, 4))


def inputs(function, params, batch):
    """The axes that sums run over, by leaf; a text where they cannot be told."""
    return [one.unclear or one.inputs for one in unit_axes(function, params, batch)]


def conv(x, kernel, spec, **options):
    sizes = {"window_strides": (1, 1), "padding": "SAME"} | options
    return jax.lax.conv_general_dilated(
        x, kernel, dimension_numbers=("NHWC", spec, "NHWC"), **sizes
    )


def attention(w, x):
    q, k, v = (jnp.einsum("bsi,ihd->bshd", x, w[name]) for name in "qkv")
    q = q + w["bias"][None, None]
    scores = jnp.einsum("bshd,bthd->bhst", q, k) / 2 + w["relative"][None]
    read = jnp.einsum("bhst,bthd->bshd", jax.nn.softmax(scores), v)
    return jnp.einsum("bshd,hdo->bso", read, w["out"])


HEADS = {
    "bias": jnp.ones((2, 3)),
    "k": jnp.ones((4, 2, 3)),
    "out": jnp.ones((2, 3, 4)),
    "q": jnp.ones((4, 2, 3)),
    "relative": jnp.ones((2, 5, 5)),
    "v": jnp.ones((4, 2, 3)),
}


def packed_attention(w, x):
    # As PyTorch's in_proj_weight: one [3 E, E] array, cut in three, heads split afterwards.
    q, k, v = (x @ part.T for part in jnp.split(w["in"], 3))
    q, k, v = (a.reshape(2, 5, 2, 2) for a in (q, k, v))
    read = jnp.einsum("bhst,bthd->bshd", jnp.einsum("bshd,bthd->bhst", q, k), v)
    return read.reshape(2, 5, 4) @ w["out"].T


def standardised(w, x):
    centred = w - w.mean((0, 1, 2), keepdims=True)
    return conv(x, centred / (jnp.std(w, (0, 1, 2), keepdims=True) + 1e-3), "HWIO")


def weight_norm(w, x):
    return x @ (w["g"] * w["v"] / jnp.linalg.norm(w["v"], axis=1, keepdims=True)).T


def spectral_norm(w, x):
    # The power iteration meets constants before the weights meet the data, and the other way round.
    v = jnp.ones(3)
    for _ in range(2):
        u = w @ v
        v = w.T @ (u / jnp.linalg.norm(u))
    return x @ (w / (u @ (w @ v)))


def scanned(w, x):
    def block(h, layer):
        return jax.nn.relu(h @ layer["w"].T + layer["b"][None]) * layer["gate"][None], h.sum()

    return jax.lax.scan(block, x, w)[0]


def turned(w, x):
    step = lambda i, h: jnp.tanh(h @ jax.lax.dynamic_index_in_dim(w, i, keepdims=False).T)  # noqa: E731
    return jax.lax.fori_loop(0, 3, step, x)


def recurrent(w, x):
    def cell(h, row):
        return jnp.tanh(w["in"] @ row + w["hidden"] @ h + w["bias"]), None

    return jax.lax.scan(cell, w["start"], x)[0]


def tied(w, tokens):
    h = w["table"][tokens] + w["positions"][None]
    return jnp.tanh(h) @ w["table"].T


def experts(w, batch):
    x, chosen = batch
    return jnp.einsum("bi,bio->bo", x, w[chosen])


def physics(w, x):
    # A loss on derivatives: the transposed use comes second.
    u = lambda row: jnp.tanh(row @ w["a"].T) @ w["b"].T  # noqa: E731
    return jax.vmap(lambda row: jnp.trace(jax.hessian(lambda r: u(r)[0])(row)))(x)


def modulated(w, batch):
    x, style = batch
    return jnp.einsum("bi,bio->bo", x, w[None] * style[:, :, None])


PACKED = {"in": jnp.ones((12, 4)), "out": SQUARE}
STACK = {"b": jnp.ones((3, 4)), "gate": jnp.ones((3, 4)), "w": jnp.ones((3, 4, 4))}
CELL = {
    "bias": jnp.ones(3),
    "hidden": jnp.ones((3, 3)),
    "in": jnp.ones((3, 4)),
    "start": jnp.ones(3),
}
ENSEMBLE = jnp.ones((6, 4, 3))
CASES = {
    "dense, [in, out]": (lambda w, x: x @ w, SQUARE, X, [(0,)]),
    "dense, [out, in]": (lambda w, x: x @ w.T, SQUARE, X, [(1,)]),
    "dense, weights first": (lambda w, x: w @ x.T, SQUARE, X, [(1,)]),
    "dense by a product and a sum": (
        lambda w, x: (x[:, :, None] * w[None]).sum(1), SQUARE, X, [(0,)],
    ),
    "dense, vmapped rows": (lambda w, x: jax.vmap(lambda row: w @ row)(x), SQUARE, X, [(1,)]),
    "one output": (lambda w, x: x @ w.T, jnp.ones((1, 4)), X, [(1,)]),
    "one input": (lambda w, x: x[:, :1] @ w, jnp.ones((1, 3)), X, [(0,)]),
    "several inputs and outputs": (
        lambda w, x: jnp.tensordot(x, w, [[3, 1], [2, 0]]), jnp.ones((6, 3, 4)), IMAGES, [(0, 2)],
    ),
    "cast, scaled and masked": (
        lambda w, x: x.astype(jnp.float32) @ (w.astype(jnp.float32) * 2 * jnp.tri(4, dtype=jnp.float32)),
        SQUARE, X, [(0,)],
    ),
    "flat on the way": (
        lambda w, x: x @ w.reshape(-1).reshape(2, 2, 4).reshape(4, 4), SQUARE, X, [(0,)],
    ),
    "slices of the inputs": (lambda w, x: x[:, :2] @ w[:2] + x[:, 2:] @ w[2:], SQUARE, X, [(0,)]),
    "columns one by one": (
        lambda w, x: jnp.stack([x @ w[:, i] for i in range(3)], 1), WEIGHT, X, [(0,)],
    ),
    "two layers": (
        lambda w, x: jax.nn.gelu(x @ w[0].T) @ w[1], [SQUARE, jnp.ones((4, 4))], X, [(1,), (0,)],
    ),
    "bias of rank two, scale, temperature": (
        lambda w, x: (x @ w[0]).reshape(5, 2, 2) * w[1][None] + w[1][None] * w[2],
        [SQUARE, jnp.ones((2, 2)), jnp.ones(())], X, [(0,), None, None],
    ),
    "a vector": (lambda w, x: x @ w, jnp.ones(4), X, [None]),
    "conv, HWIO": (lambda w, x: conv(x, w, "HWIO"), jnp.ones((3, 3, 4, 4)), IMAGES, [(0, 1, 2)]),
    "conv, OIHW": (lambda w, x: conv(x, w, "OIHW"), jnp.ones((4, 4, 4, 4)), IMAGES, [(1, 2, 3)]),
    "conv, flipped and transposed": (
        lambda w, x: jax.lax.conv_transpose(x, w, (2, 2), "SAME", transpose_kernel=True),
        jnp.ones((3, 3, 4, 4)), IMAGES, [(0, 1, 3)],
    ),
    "conv in two groups": (
        lambda w, x: conv(x, w, "OIHW", feature_group_count=2), jnp.ones((6, 2, 3, 3)), IMAGES,
        [(1, 2, 3)],
    ),
    "depthwise conv": (
        lambda w, x: conv(x, w, "HWIO", feature_group_count=4), jnp.ones((3, 3, 1, 4)), IMAGES,
        [(0, 1, 2)],
    ),
    "depthwise conv, [h, w, in, multiplier]": (
        lambda w, x: conv(x, w.reshape(3, 3, 1, 8), "HWIO", feature_group_count=4),
        jnp.ones((3, 3, 4, 2)), IMAGES, [(0, 1)],
    ),
    "conv, standardised": (standardised, jnp.ones((3, 3, 4, 4)), IMAGES, [(0, 1, 2)]),
    "conv, an ensemble": (
        lambda w, x: jax.vmap(lambda k: conv(x, k, "HWIO"))(w), jnp.ones((4, 3, 3, 4, 4)), IMAGES,
        [(1, 2, 3)],
    ),
    "conv, each with its data": (
        lambda w, x: jax.vmap(lambda k, a: conv(a[None], k, "HWIO"))(w, x),
        jnp.ones((2, 3, 3, 4, 4)), IMAGES, [(1, 2, 3)],
    ),
    "depthwise conv, an ensemble": (
        lambda w, x: jax.vmap(lambda k: conv(x, k, "HWIO", feature_group_count=4))(w),
        jnp.ones((3, 3, 3, 1, 8)), IMAGES, [(1, 2, 3)],
    ),
    "conv by patches": (
        lambda w, x: jax.lax.conv_general_dilated_patches(
            x, (3, 3), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        ) @ w.reshape(4, -1).T,
        jnp.ones((4, 4, 3, 3)), IMAGES, [(1, 2, 3)],
    ),
    "steps towards orthogonal weights": (
        lambda w, x: x @ (1.5 * w - 0.5 * w @ w.T @ w).T, SQUARE, X, [(1,)],
    ),
    "an ensemble": (lambda w, x: jax.vmap(lambda v: x @ v)(w), ENSEMBLE, X, [(1,)]),
    "an ensemble, outputs first": (
        lambda w, x: jax.vmap(lambda v: v @ x.T)(w), ENSEMBLE.swapaxes(1, 2), X, [(2,)],
    ),
    "one dense layer for each row": (
        lambda w, x: jax.vmap(lambda v, row: v @ row)(w, x), jnp.ones((5, 3, 4)), X, [(2,)],
    ),
    "weight norm": (
        weight_norm, {"g": jnp.ones((3, 1)), "v": jnp.ones((3, 4))}, X, [None, (1,)],
    ),
    "spectral norm": (spectral_norm, WEIGHT, X, [(0,)]),
    "low rank": (lambda w, x: x @ w[0] @ w[1], [jnp.ones((4, 2)), jnp.ones((2, 4))], X, [(0,), (0,)]),
    "attention by heads": (
        attention, HEADS, jnp.ones((2, 5, 4)), [None, (0,), (0, 1), (0,), None, (0,)],
    ),
    "attention, packed": (packed_attention, PACKED, jnp.ones((2, 5, 4)), [(1,), (1,)]),
    "a loop over a stack": (scanned, STACK, X, [None, None, (2,)]),
    "a loop over a stack, reversed by remat": (
        lambda w, x: jax.grad(lambda x: jax.checkpoint(scanned)(w, x).sum())(x), STACK, X,
        [None, None, (2,)],
    ),
    "a loop that counts": (turned, jnp.ones((3, 4, 4)), X, [(2,)]),
    "a list of a stack's entries": (
        lambda w, x: x @ w[0].T @ w[1].T, jnp.ones((2, 4, 4)), X, [(2,)],
    ),
    "a recurrent cell": (recurrent, CELL, X, [None, (1,), (1,), None]),
    "a branch": (
        lambda w, x: jax.lax.cond(x[0, 0] > 0, lambda: x @ w, lambda: x + w.sum()), SQUARE, X, [(0,)],
    ),
    "a custom derivative": (
        lambda w, x: jax.nn.relu(jax.jit(jax.nn.silu)(x) @ jax.nn.softplus(w).T), SQUARE, X, [(1,)],
    ),
    "an embedding": (lambda w, t: jnp.tanh(w[t]), jnp.ones((7, 4)), TOKENS, [(0,)]),
    "an embedding, features first": (lambda w, t: w[:, t], jnp.ones((4, 7)), TOKENS, [(1,)]),
    "an embedding of one-hot tokens": (
        lambda w, t: jax.nn.one_hot(t, 7) @ w, jnp.ones((7, 4)), TOKENS, [(0,)],
    ),
    "a tied embedding, and positions": (
        tied, {"positions": jnp.ones((5, 4)), "table": jnp.ones((7, 4))}, TOKENS, [None, (0,)],
    ),
    "positions that are looked up by a constant": (
        lambda w, x: jnp.tanh(x + jnp.take(w, jnp.arange(5), axis=0)), jnp.ones((8, 4)), X, [None],
    ),
    "a class token": (
        lambda w, x: jnp.concatenate([jnp.broadcast_to(w, (2, 1, 4)), x], 1).mean(1),
        jnp.ones((1, 1, 4)), jnp.ones((2, 5, 4)), [None],
    ),
    "experts that the batch chooses": (experts, ENSEMBLE, (X, jnp.arange(5)), [(1,)]),
    "weights that the batch scales": (modulated, WEIGHT, (X, X), [(0,)]),
    "weights that the batch scales as a whole": (
        lambda w, x: x @ jnp.tanh(w * x.mean()), WEIGHT, X, [(0,)],
    ),
    "weights between which the batch chooses": (
        lambda w, x: x @ jnp.where(x.sum() > 0, w[0], w[1]), [SQUARE, SQUARE], X, [(0,), (0,)],
    ),
    "a scale of groups": (
        lambda w, x: (
            x.reshape(5, 2, 2) * (w.reshape(1, 2, 2) / x.reshape(5, 2, 2).std(2, keepdims=True))
        ).sum(),
        jnp.ones(4), X, [None],
    ),
    "a vector as a bias of groups": (
        lambda w, x: w.reshape(1, 2, 2) + x.reshape(5, 2, 2).std(2, keepdims=True), jnp.ones(4), X,
        [None],
    ),
    "a scale of heads": (
        lambda w, x: x.reshape(5, 2, 2) * (w[None] / x.reshape(5, 2, 2).std(2, keepdims=True)),
        jnp.ones((2, 2)), X, [None],
    ),
    "a loss on derivatives": (
        physics, {"a": jnp.ones((3, 4)), "b": jnp.ones((2, 3))}, X, [(1,), (1,)],
    ),
    "weights that meet a constant": (
        lambda w, x: x @ jnp.tanh(jnp.linspace(0, 1, 4)[:, None] @ w), jnp.ones((1, 3)), X, [(0,)],
    ),
    "a penalty on the weights": (
        lambda w, x: jnp.sum(jnp.tanh(x @ w.T)) + jnp.sum(w**2), SQUARE, X, [(1,)],
    ),
    "an unused leaf": (lambda w, x: x @ w[0], [SQUARE, SQUARE], X, [(0,), None]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_inputs_are_the_axes_that_a_layers_definition_sums_over(case):
    function, params, batch, expected = CASES[case]
    # Axes of length 1 make no difference to a norm.
    shapes = [leaf.shape for leaf in jax.tree.leaves(params)]
    long = [
        a if not isinstance(a, tuple) else tuple(i for i in a if shape[i] > 1)
        for a, shape in zip(inputs(function, params, batch), shapes, strict=True)
    ]
    wanted = [
        None if a is None else tuple(i for i in a if shape[i] > 1)
        for a, shape in zip(expected, shapes, strict=True)
    ]
    assert long == wanted


def test_data_may_be_what_a_function_closes_over():
    assert inputs(lambda w, _: jnp.mean((X @ w.T) ** 2), SQUARE, None) == [(1,)]
    assert inputs(lambda w, _: jnp.tanh(w[TOKENS]).sum(), jnp.ones((7, 4)), None) == [(0,)]


UNCLEAR = {
    "a product of parameters": (
        lambda w, x: x @ (w[0] @ w[1]), [SQUARE, SQUARE], X, "multiplied with another parameter",
    ),
    "a power of the weights": (
        lambda w, x: x @ (w @ w.T @ w), SQUARE, X, "multiplied with",
    ),
    "an inverse": (lambda w, x: x @ jnp.linalg.inv(w), SQUARE, X, "goes through `"),
    "one flat vector": (
        lambda w, x: x @ w[:12].reshape(4, 3) + w[None, 12:], jnp.ones(15), X, "its axis 0 is in part",
    ),
    "distances from centres": (
        lambda w, x: jnp.exp(-jnp.sum((x[:, None] - w[None]) ** 2, -1)), WEIGHT.T, X,
        "`sub` takes it with data that lack",
    ),
    "decays of a state": (
        lambda w, x: jnp.exp(x[:, :, None] * w[None]).sum(-1), WEIGHT, X, "`exp` takes it with data that lack",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_cannot_be_told_is_said_to_be_unclear(case):
    function, params, batch, reason = UNCLEAR[case]
    assert all(reason in str(found) for found in inputs(function, params, batch))


def test_a_loop_stacks_its_layers_and_their_biases():
    found = unit_axes(scanned, STACK, X)
    assert [one.stack for one in found] == [(0,)] * 3

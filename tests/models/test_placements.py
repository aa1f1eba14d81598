"""Attention residuals, and where a transformer's norm stands, written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from lsgeo.models import activations, create, init, shapes, stack, unstack

BLOCKS, WIDTH = 2, 6
IMAGES = np.random.default_rng(0).normal(size=(3, 4, 4, 1))
OPTIONS = {"depth": BLOCKS, "width": WIDTH, "heads": 2, "mlp_ratio": 2, "num_classes": 3}


def made(seed=2, **options):
    model = create("vit", **{**OPTIONS, **options})
    variables = init(model, IMAGES, key=jax.random.key(seed))
    rng = np.random.default_rng(seed)
    # Biases and queries start at zero, which would hide them.
    moved = jax.tree.map(lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape), variables)
    return model, moved


def normed(params, x):
    centred = x - x.mean(-1, keepdims=True)
    layer = params["layer"]
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * np.float64(layer["scale"]) + np.float64(layer["bias"])


def dense(params, x):
    return x @ np.float64(params["kernel"]) + np.float64(params["bias"])


def attention(params, x):
    query, key, value = (
        np.einsum("ntc,chd->nthd", x, np.float64(params[name]["kernel"]))
        for name in ("query", "key", "value")
    )
    scores = np.einsum("nqhd,nkhd->nhqk", query, key) / np.sqrt(WIDTH / 2)
    mixed = np.einsum("nhqk,nkhd->nqhd", special.softmax(scores, -1), value)
    out = params["out"]
    return np.einsum("nqhd,hdc->nqc", mixed, np.float64(out["kernel"])) + np.float64(out["bias"])


def mlp(params, x):
    h = dense(params["dense_0"], x)
    return dense(params["dense_1"], h * special.ndtr(h))


def stem(params):
    n = len(IMAGES)
    patches = IMAGES.reshape(n, 2, 2, 2, 2, 1).transpose(0, 1, 3, 2, 4, 5).reshape(n, 4, 4)
    first = np.broadcast_to(np.float64(params["class_token"]), (n, 1, WIDTH))
    x = np.concatenate([first, dense(params["stem"], patches)], 1)
    return x + np.float64(params["positions"])


def layers(params):
    """(F, its norm, the parameters of its skip, block) from the bottom up."""
    for k in range(BLOCKS):
        block = params[f"block_{k}"]
        for i, (name, layer) in enumerate((("attention", attention), ("mlp", mlp))):
            yield (
                lambda x, layer=layer, own=block[name]: layer(own, x),
                lambda x, own=block[f"norm_{i}"]: normed(own, x),
                block.get(f"{name}_skip", {}),
                k,
            )


def head(params, x):
    return dense(params["head"], x[:, 0])


@pytest.mark.parametrize("block", ["pre", "scaled", "post"])
def test_the_norm_stands_where_the_block_says(block):
    model, variables = made(block=block)
    params = variables["params"]
    x = stem(params)
    for layer, norm, _, k in layers(params):
        if block == "post":
            x = norm(x + layer(x))
        else:
            x = x + layer(norm(x) / np.sqrt(k + 1 if block == "scaled" else 1))
    x = x if block == "post" else normed(params["norm_head"], x)
    found = model.apply(variables, IMAGES)
    np.testing.assert_allclose(found, head(params, x), rtol=1e-8, atol=1e-8)


def mixture(params, outputs):
    values = np.stack(outputs)
    keys = values / np.sqrt((values**2).mean(-1, keepdims=True) + 1e-5)
    weights = special.softmax(keys @ np.float64(params["query"]), axis=0)
    return (weights[..., None] * values).sum(0)


def by_attention(params):
    outputs = [stem(params)]
    for layer, norm, skip, _ in layers(params):
        outputs.append(layer(norm(mixture(skip["mixture"], outputs))))
    return head(params, normed(params["norm_head"], mixture(params["skip_head"], outputs)))


def test_with_attention_residuals_a_layer_reads_a_mixture_of_all_outputs_before_it():
    model, variables = made(skip="attention")
    found = model.apply(variables, IMAGES)
    np.testing.assert_allclose(found, by_attention(variables["params"]), rtol=1e-8, atol=1e-8)


def test_attention_residuals_in_a_compiled_loop_are_those_of_the_unrolled_network():
    model, variables = made(skip="attention")
    scanned = create("vit", **OPTIONS, skip="attention", scan=True)
    stacked = stack(variables, shapes(scanned, IMAGES))
    found, expected = scanned.apply(stacked, IMAGES), model.apply(variables, IMAGES)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    jax.tree.map(np.testing.assert_array_equal, unstack(stacked), variables)


def test_queries_start_at_zero_so_that_all_outputs_have_the_same_weight_at_first():
    model = create("vit", **OPTIONS, skip="attention")
    variables = init(model, IMAGES, key=jax.random.key(0))
    found = activations(model, variables, IMAGES)
    for k in range(BLOCKS):
        for i, name in enumerate(("attention", "mlp")):
            there = 2 * k + i + 1
            weights = np.asarray(found[f"block_{k}/{name}_skip/mixture/weights"])
            np.testing.assert_allclose(weights[:there], 1 / there, rtol=1e-6)
            assert not weights[there:].any()


def test_an_mlp_takes_attention_residuals_too():
    options = {
        "depth": 3,
        "width": 4,
        "num_classes": 4,
        "activation": "linear",
        "skip": "attention",
    }
    model = create("mlp", **options)
    variables = init(model, IMAGES, key=jax.random.key(0))
    params = jax.tree.map(np.float64, variables["params"])
    outputs = [IMAGES.reshape(3, -1) @ params["stem"]["kernel"]]
    for k in range(3):  # At first a layer reads the mean.
        outputs.append(np.mean(outputs, 0) @ params[f"block_{k}"]["dense_0"]["kernel"])
    expected = np.mean(outputs, 0) @ params["head"]["kernel"]
    np.testing.assert_allclose(model.apply(variables, IMAGES), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        (
            "resnet",
            {"depth": 8, "skip": "attention"},
            "`skip` is 'attention', which keeps the outputs",
        ),
        ("vit", {"skip": "attention", "mlp_skip": "hyper(streams=2)"}, "carry the same streams"),
        ("vit", {"skip": "attention", "block": "post"}, "`block` 'post' normalises one stream"),
        ("vit", {"block": "post", "norm": "none"}, "`block` 'post' says where the norm stands"),
        ("vit", {"block": "scaled", "norm": "none"}, "`block` 'scaled' says where the norm stands"),
        ("mlp", {"skip": "attention(every=2)"}, "streams through all blocks"),
        ("mlp", {"block": "scaled"}, "Unknown block of the model mlp: 'scaled'"),
    ],
)
def test_what_attention_residuals_and_scaled_norms_do_not_fit_is_refused(name, options, text):
    with pytest.raises(ValueError, match=text):
        create(name, **options)


def test_attention_residuals_keep_the_dtype_and_have_finite_hessian_products():
    model, variables = made(skip="attention")
    low = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), variables)
    assert model.apply(low, np.float32(IMAGES)).dtype == jnp.float32

    def loss(params):
        return jnp.square(model.apply({"params": params}, IMAGES)).mean()

    params = variables["params"]
    _, product = jax.jvp(jax.grad(loss), (params,), (params,))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(product))

"""DenseNet, transformers and Mixer: published counts, equations in NumPy, symmetries and identities."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models, operators
from lsgeo.models.families import _tokens as tokens

SMALL = {
    "densenet": {"depth": 10, "growth": 4, "bottleneck": True, "compression": 0.5, "width": 8},
    "vit": {"depth": 2, "width": 16},
    "mixer": {"depth": 2, "width": 16},
    "decoder": {"depth": 2, "width": 16, "num_classes": 7, "context": 6},
}


def batch(name):
    rng = np.random.default_rng(0)
    if name == "decoder":
        text = rng.integers(0, 7, (4, 6))
        return {"image": text[:, :5], "label": text[:, 1:]}
    return {"image": rng.normal(size=(4, 8, 8, 1)), "label": np.arange(4)}


def filled_like(shapes):
    """Variables at a random point: unlike an initial one it has no zeros or ones, and costs no compilation."""
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        noise = rng.normal(size=leaf.shape)
        if path[-1].key == "kernel":
            return jnp.asarray(noise / math.sqrt(math.prod(leaf.shape[:-1])))
        return jnp.asarray((path[-1].key in ("scale", "var", "gate")) + noise / 8)

    return jax.tree_util.tree_map_with_path(draw, shapes)


# Optimised code is as right and takes twice as long to compile.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def create(name, **options):
    model = models.create(name, **{**SMALL[name], **options})
    return model, filled_like(models.shapes(model, batch(name)["image"]))


def effect_of_each_leaf(name, train=False, **options):
    """Slope of the loss along a random direction in each leaf, a central difference."""
    model, variables = create(name, **options)
    params = variables.pop("params")
    loss = models.CrossEntropy(model, variables, train=train)
    value = compiled(lambda p, b: loss(p, b))
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    rng = np.random.default_rng(2)
    slopes = {}
    for i, (path, leaf) in enumerate(leaves):
        step = 1e-4 * rng.normal(size=leaf.shape)

        def moved(sign, i=i, step=step):
            there = [x + sign * step if j == i else x for j, (_, x) in enumerate(leaves)]
            return float(value(jax.tree.unflatten(structure, there), batch(name)))

        slopes[jax.tree_util.keystr(path, simple=True, separator="/")] = (
            moved(1) - moved(-1)
        ) / 2e-4
    return slopes


FAMILY_NORMS = [
    (name, norm, {})
    for name in SMALL
    for norm in ("none", "layer", "rms", "group", "batch")
    if name != "decoder" or norm in ("none", "layer", "rms")
]
FAMILY_NORMS += [("vit", "layer", {"block": "post"}), ("densenet", "batch", {"skip": "none"})]


@pytest.mark.parametrize(("name", "norm", "options"), FAMILY_NORMS)
def test_no_parameter_is_dead(name, norm, options):
    short = {"depth": 7, "bottleneck": False} if name == "densenet" else {"depth": 1}
    effects = effect_of_each_leaf(name, norm == "batch", norm=norm, **short, **options)
    for path, slope in effects.items():
        # A dead leaf leaves the rounding of the loss, 1e-16 / 1e-4.
        assert abs(slope) > 1e-8, path


def test_the_published_biases_that_no_output_sees_are_those_off_by_default():
    # Softmax removes the key bias, a norm over channels the bias that all channels of a token share.
    effects = effect_of_each_leaf("vit", qkv_bias=True, depth=1)
    assert [p for p, slope in effects.items() if abs(slope) < 1e-8] == [
        "block_0/attention/key/bias"
    ]
    effects = effect_of_each_leaf("mixer", token_bias=True, depth=1)
    assert [p for p, slope in effects.items() if abs(slope) < 1e-8] == [
        "block_0/token/dense_1/bias"
    ]


def normalised(params, x, axis=-1, stats=None, epsilon=1e-5):
    mean, var = stats or (x.mean(axis, keepdims=True), x.var(axis, keepdims=True))
    return (x - mean) / np.sqrt(var + epsilon) * params["scale"] + params["bias"]


def dense(params, x):
    return x @ params["kernel"] + params["bias"]


def gelu(x):
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def convolution(x, kernel):
    pad = kernel.shape[0] // 2
    height, width = x.shape[1:3]
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    taps = np.ndindex(kernel.shape[:2])
    return sum(x[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in taps)


@pytest.mark.parametrize("skip", ["dense", "none"])
def test_densenet_computes_its_equation_on_all_outputs_before_or_on_the_last_alone(skip):
    model, variables = create("densenet", skip=skip, depth=16)
    logits = compiled(lambda v, x: model.apply(v, x))(variables, batch("densenet")["image"])
    params, stats = (jax.tree.map(np.asarray, variables[k]) for k in ("params", "batch_stats"))

    def activated(x, *path):
        own, moments = params, stats
        for part in (*path, "batch"):
            own, moments = own[part], moments[part]
        return np.maximum(normalised(own, x, stats=(moments["mean"], moments["var"])), 0)

    outputs = [convolution(batch("densenet")["image"], params["stem"]["kernel"])]
    for stage in range(3):
        if stage:
            seen = np.concatenate(outputs, -1) if skip == "dense" else outputs[-1]
            name = f"transition_{stage - 1}"
            x = convolution(activated(seen, name, "norm"), params[name]["conv"]["kernel"])
            assert x.shape[-1] == seen.shape[-1] // 2
            outputs = [
                (x[:, ::2] + x[:, 1::2])[:, :, ::2] / 4 + (x[:, ::2] + x[:, 1::2])[:, :, 1::2] / 4
            ]
        for i in range(2):
            name = f"stage_{stage}_block_{i}"
            x = np.concatenate(outputs, -1) if skip == "dense" else outputs[-1]
            for k in range(2):
                x = convolution(
                    activated(x, name, f"norm_{k}"), params[name][f"conv_{k}"]["kernel"]
                )
            outputs.append(x)
    x = np.concatenate(outputs, -1) if skip == "dense" else outputs[-1]
    expected = dense(params["head"], activated(x, "norm_head").mean((1, 2)))
    np.testing.assert_allclose(logits, expected, rtol=1e-9, atol=1e-11)


def test_mixer_computes_its_equation_on_patches_row_by_row():
    model, variables = create("mixer", depth=1, token_bias=True)
    images = batch("mixer")["image"]
    logits = compiled(lambda v, x: model.apply(v, x))(variables, images)
    params = jax.tree.map(np.asarray, variables["params"])
    corners = [(i, j) for i in range(0, 8, 2) for j in range(0, 8, 2)]
    x = np.stack([images[:, i : i + 2, j : j + 2].reshape(4, -1) for i, j in corners], 1)
    x, block = dense(params["stem"], x), params["block_0"]

    def mlp(name, x):
        return dense(block[name]["dense_1"], gelu(dense(block[name]["dense_0"], x)))

    x = x + mlp("token", normalised(block["norm_0"]["layer"], x).swapaxes(1, 2)).swapaxes(1, 2)
    x = x + mlp("channel", normalised(block["norm_1"]["layer"], x))
    x = normalised(params["norm_head"]["layer"], x)
    np.testing.assert_allclose(logits, dense(params["head"], x.mean(1)), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "options", "first", "second"),
    [
        ("vit", {"attention_skip": "none"}, (0, 1), (1, 1)),
        ("vit", {"mlp_skip": "none", "skip": "scaled"}, (1, 0.5), (0, 1)),  # 2 blocks, L = 4.
        ("mixer", {"channel_skip": "none"}, (1, 1), (0, 1)),
        ("decoder", {"attention_skip": "scaled"}, (1, 0.5), (1, 1)),
    ],
)
def test_each_half_of_a_block_has_its_own_skip(name, options, first, second):
    model, variables = create(name, **options)
    found = compiled(functools.partial(models.activations, model))(variables, batch(name)["image"])
    before = found["block_0/stream"]
    for half, (kept, scale) in (("stream_0", first), ("stream", second)):
        branch = found["block_1/branch_0" if half == "stream_0" else "block_1/branch_1"]
        after = found[f"block_1/{half}"]
        np.testing.assert_allclose(after, kept * before + scale * branch, rtol=1e-12, atol=1e-12)
        before = after


def test_a_token_sees_those_before_it_alone():
    model, variables = create("decoder")
    logits = compiled(lambda v, x: model.apply(v, x))
    text = batch("decoder")["image"]
    other = text.copy()
    other[:, 3] = (other[:, 3] + 1) % 7
    one, two = logits(variables, text), logits(variables, other)
    np.testing.assert_array_equal(one[:, :3], two[:, :3])
    assert (np.abs(one[:, 3:] - two[:, 3:]).max((0, 2)) > 1e-3).all()


@pytest.mark.parametrize("causal", [False, True])
def test_attention_without_positions_permutes_with_its_tokens_unless_it_is_causal(causal):
    layer = tokens.Attention(2, lambda role: jax.nn.initializers.ones, causal=causal)
    x = jnp.asarray(np.random.default_rng(3).normal(size=(2, 5, 8)))
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x.astype(jnp.float32))
    variables = jax.tree.map(jnp.float64, filled_like(shapes))
    order = np.array([3, 1, 4, 0, 2])
    apply = compiled(layer.apply)
    gap = np.abs(apply(variables, x[:, order]) - apply(variables, x)[:, order]).max()
    assert gap > 1e-2 if causal else gap < 1e-14


def hessian_product(model, params, vector):
    rng = np.random.default_rng(4)
    data = {"image": jnp.asarray(rng.normal(size=(3, 4, 4, 1))), "label": np.arange(3)}
    loss = models.CrossEntropy(model)

    @compiled
    def both(params, vector):
        return loss(params, data), operators.hessian(loss, params, data) @ vector

    return both(params, vector)


def test_scanned_transformer_has_the_function_and_the_hessian_products_of_the_unrolled_one():
    options = {
        "depth": 2,
        "width": 4,
        "heads": 1,
        "mlp_ratio": 1,
        "num_classes": 3,
        "skip": "scaled",
    }
    unrolled = models.create("vit", **options)
    scanned = models.create("vit", **options, scan=True, remat=True)
    image = jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.float64)
    shapes = [models.shapes(model, image) for model in (unrolled, scanned)]
    params = filled_like(shapes[0])["params"]
    vector = jax.tree.map(lambda x: jnp.sin(3 * jnp.arange(x.size)).reshape(x.shape), params)
    loss, product = hessian_product(unrolled, params, vector)
    stacked = [models.stack({"params": tree}, shapes[1])["params"] for tree in (params, vector)]
    scanned_loss, scanned_product = hessian_product(scanned, *stacked)
    np.testing.assert_allclose(scanned_loss, loss, rtol=1e-13)
    back = models.unstack({"params": scanned_product})["params"]
    size = max(np.abs(leaf).max() for leaf in jax.tree.leaves(product))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * size), back, product
    )


def test_a_transformer_with_zero_branches_is_the_read_out_of_its_stem_at_first():
    model = models.create("vit", depth=1, width=16, initializer="zero_branch", epsilon=1e-6)
    images = batch("vit")["image"]
    variables = models.init(model, images, key=jax.random.key(0))
    params = jax.tree.map(np.asarray, variables["params"])
    x = normalised(
        params["norm_head"]["layer"], params["class_token"] + params["positions"][0], epsilon=1e-6
    )
    expected = np.tile(dense(params["head"], x), (4, 1))
    np.testing.assert_allclose(model.apply(variables, images), expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["vit", "mixer", "decoder"])
def test_twins_have_the_same_parameters_in_the_same_places(name):
    image = batch(name)["image"]
    plain, residual = (
        models.shapes(models.create(name, skip=skip, **SMALL[name]), image)
        for skip in ("none", "identity")
    )
    assert plain == residual


def test_tokens_are_whole_numbers_and_the_parameters_of_their_model_float32_unless_asked():
    # All kernels have 16 numbers: one sampler is compiled.
    square = {"depth": 1, "width": 4, "mlp_ratio": 1, "num_classes": 4, "context": 4}
    model = models.create("decoder", **square)
    text = np.zeros((2, 3), np.int64)
    variables = models.init(model, text, key=jax.random.key(0))
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype(np.float32)}
    double = models.init(model, text, key=jax.random.key(0), dtype=np.float64)
    assert {leaf.dtype for leaf in jax.tree.leaves(double)} == {np.dtype(np.float64)}
    for wrong, reason in ((text[..., None], "shape"), (text / 2, "dtype float64")):
        with pytest.raises(ValueError, match=f"A decoder takes tokens.*{reason}"):
            models.init(model, wrong, key=jax.random.key(0))
    with pytest.raises(ValueError, match="`context` is 4 tokens, but the input has 6"):
        models.init(model, np.tile(text, 2), key=jax.random.key(0))


def test_cross_entropy_of_tokens_is_the_mean_over_all_positions():
    logits = np.random.default_rng(5).normal(size=(4, 5, 7))
    label = batch("decoder")["label"]
    log_sum = np.log(np.exp(logits).sum(-1))
    expected = np.mean(log_sum - np.take_along_axis(logits, label[..., None], -1)[..., 0])
    actual = models.cross_entropy(jnp.asarray(logits), {"label": label})
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        (
            "densenet",
            {"skip": "gated"},
            "`skip` 'gated' .* densenet, which concatenates .* skip='dense'",
        ),
        ("densenet", {"skip": "identity"}, "`skip` 'identity' .*no sum that could be gated"),
        ("vit", {"skip": "dense"}, "Unknown skip: 'dense'"),
        ("densenet", {"depth": 41}, "must be 3 n \\+ 4 .*got 41. The nearest are 40 and 43"),
        ("densenet", {"depth": 43, "bottleneck": True}, "6 n \\+ 4 .*The nearest are 40 and 46"),
        ("densenet", {"depth": 2}, "got 2. The nearest are 7 and 10"),
        ("densenet", {"compression": 1.5}, "`compression` must be at most 1.*got 1.5"),
        ("densenet", {"initializer": "zero_branch"}, "Unknown initializer .*'zero_branch'"),
        ("vit", {"heads": 3}, "`heads` must divide `width`; got 3 heads and the width 32"),
        ("vit", {"mlp_skip": "gate"}, "Unknown skip: 'gate'"),
        ("vit", {"block": "v2"}, "Unknown block of the model vit: 'v2'. Choose one of: post, pre"),
        ("vit", {"initializer": "fixup"}, "'fixup' is for networks without .*'layer'"),
        ("vit", {"mlp_skip": "identity(stages=(1,))"}, "names `stages`"),
        ("mixer", {"scan": True, "token_skip": "identity(every=2)"}, "`scan` runs equal blocks"),
        ("decoder", {"norm": "batch"}, "Unknown norm .*'batch'. Choose one of: layer, none, rms"),
    ],
)
def test_contradictions_are_refused_by_name(name, options, text):
    with pytest.raises(ValueError, match=text):
        models.create(name, **options)


@pytest.mark.parametrize(
    ("name", "shape", "text"),
    [
        ("densenet", (2, 8, 3, 1), "at least 4 x 4 pixels"),
        ("vit", (2, 8, 7, 1), "`patch` 2 does not divide the images' 8 x 7 pixels"),
        ("mixer", (2, 64), "must have the shape \\[N, H, W, C\\]; got \\(1, 64\\)"),
    ],
)
def test_images_of_the_wrong_shape_are_refused(name, shape, text):
    with pytest.raises(ValueError, match=text):
        models.shapes(models.create(name), jax.ShapeDtypeStruct(shape, jnp.float32))

"""The options of a ResNet; the oracles are equations in NumPy, closed forms and identities."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models, operators
from lsgeo.models import _convolutions as convolutions
from lsgeo.models.skips import registry, shortcuts
from lsgeo.models.variables import activations

# Networks this small spend their time in the compiler's optimisations.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
KEY = jax.random.key(0)
TINY = {"depth": 8, "blocks": (3,), "width": 2}  # One stage: one block alone and two in a loop.
TWO_STAGES = {"depth": 6, "blocks": (1, 1), "width": 4}
BOTTLENECK = {"depth": 8, "blocks": (1, 1), "width": 2, "bottleneck": True}
WIDE = {"preactivation": True, "shortcut": "b", "shared_activation": "changed", "widen": 2}


def images(n=4, size=8, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n, size, size, 3)).astype(dtype)


def batch(n=4, size=8):
    return {"image": images(n, size), "label": np.arange(n, dtype=np.int32)}


def create(**options):
    return models.create("resnet", **options)


def random_variables(model, x, seed=1):
    """Parameters between -0.7 and 0.7, statistics between 0.5 and 1.5, so that no leaf is special."""
    rng = np.random.default_rng(seed)
    variables = models.shapes(model, x)
    params = variables.pop("params")
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(-0.7, 0.7, leaf.shape)), params)
    rest = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape)), variables)
    return {"params": params, **rest}


def apply(model, variables, x, **options):
    return jit(lambda variables, x: model.apply(variables, x, **options))(variables, x)


def seen(model, variables, x, **options):
    return jit(lambda variables, x: activations(model, variables, x, **options))(variables, x)


def conv(x, kernel, stride=1):
    # Cross-correlation over an image with size // 2 zeros on every side, as PyTorch's padding.
    size, (height, width) = kernel.shape[0], x.shape[1:3]
    pad = (size // 2, size // 2)
    x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
    taps = np.ndindex(size, size)
    full = sum(x[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in taps)
    return full[:, ::stride, ::stride]


def option_a(x, channels, stride):
    padded = np.zeros((*x[:, ::stride, ::stride].shape[:-1], channels))
    first = (channels - x.shape[-1]) // 2
    padded[..., first : first + x.shape[-1]] = x[:, ::stride, ::stride]
    return padded


def relu(x):
    return np.maximum(x, 0)


def logits_of(params, x):
    return x.mean((1, 2)) @ params["head"]["kernel"] + params["head"]["bias"]


@pytest.mark.parametrize(("skip", "factor"), [("none", 0), ("scaled", 1)])
def test_plain_and_scaled_resnet_compute_their_equation(skip, factor):
    model = create(**TWO_STAGES, norm="none", skip=skip)
    params = jax.tree.map(np.asarray, random_variables(model, images())["params"])
    x = relu(conv(images(), params["stem"]["kernel"]))
    for stage, stride in enumerate((1, 2)):
        block = params[f"stage_{stage}_block_0"]
        branch = conv(relu(conv(x, block["conv_0"]["kernel"], stride)), block["conv_1"]["kernel"])
        shortcut = option_a(x, branch.shape[-1], stride)
        x = relu(factor * shortcut + branch / (2**0.5 if skip == "scaled" else 1))
    actual = apply(model, {"params": params}, images())
    np.testing.assert_allclose(actual, logits_of(params, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("preactivation", [False, True])
def test_fixup_computes_its_equation_with_scalars_before_convolutions_and_activations(
    preactivation,
):
    options = {"norm": "none", "initializer": "fixup", "preactivation": preactivation}
    model = create(**TWO_STAGES, **options)
    params = jax.tree.map(np.asarray, random_variables(model, images())["params"])
    x = conv(images(), params["stem"]["kernel"])
    x = x if preactivation else relu(x + params["before_stem_activation"])
    for stage, stride in enumerate((1, 2)):
        block = params[f"stage_{stage}_block_0"]
        kernel = [block[f"conv_{k}"]["kernel"] for k in range(2)]
        b_conv = [block[f"before_conv_{k}"] for k in range(2)]
        b_act = [block[f"before_activation_{k}"] for k in range(2)]
        shortcut = option_a(x, 4 * 2**stage, stride)
        if preactivation:
            h = conv(relu(x + b_act[0]) + b_conv[0], kernel[0], stride)
            x = shortcut + conv(relu(h + b_act[1]) + b_conv[1], kernel[1]) * block["scale"]
        else:
            h = relu(conv(x + b_conv[0], kernel[0], stride) + b_act[0])
            branch = conv(h + b_conv[1], kernel[1]) * block["scale"] + b_act[1]
            x = relu(shortcut + branch)
    x = relu(x + params["before_head_activation"]) if preactivation else x
    expected = logits_of(params, x + params["before_head"])
    actual = apply(model, {"params": params}, images())
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_fixup_adds_five_scalars_to_each_block_and_two_to_the_network():
    shapes = models.shapes(create(norm="none", initializer="fixup", scan=True), images())
    assert models.count_parameters(shapes["params"]) == 268_346 + 9 * 5 + 2


def test_fixup_starts_with_its_first_layers_scaled_down_and_all_else_zero_or_one():
    model = create(depth=10, blocks=(4,), width=32, norm="none", initializer="fixup")
    params = models.init(model, images(1), key=KEY)["params"]
    block = params["stage_0_block_1"]
    # L = 4, m = 2: He's deviation over 2. 9216 draws: its relative standard error is 0.7 %.
    kernel = block.pop("conv_0")["kernel"]
    np.testing.assert_allclose(np.std(kernel), np.sqrt(2 / (9 * 32)) / 2, rtol=0.03)
    assert block.pop("scale") == 1
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((block, params["head"])))


def gradient(model, variables, data, train=False):
    constants = {k: v for k, v in variables.items() if k != "params"}
    loss = models.CrossEntropy(model, constants, train)
    return jit(jax.grad(loss))(variables["params"], data)


def test_only_the_classifier_of_a_fixup_network_has_a_gradient_at_first():
    model = create(**TINY, norm="none", initializer="fixup")
    found = gradient(model, models.init(model, images(), key=KEY), batch())
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        assert np.any(leaf) == (path[0].key == "head"), jax.tree_util.keystr(path)


@pytest.mark.parametrize("preactivation", [False, True])
def test_zero_branches_leave_the_stream_as_it_is(preactivation):
    model = create(**TINY, preactivation=preactivation, initializer="zero_branch")
    variables = models.init(model, images(), key=KEY)
    # Behind a zero kernel a norm's gradient would be 1 / sqrt(epsilon) too large.
    assert np.any(variables["params"]["stage_0_block_1"]["conv_1"]["kernel"]) != preactivation
    found = seen(model, variables, images(), train=True)
    assert np.any(found["stage_0_block_0/stream"])
    for i in range(3):
        assert not np.any(found[f"stage_0_block_{i}/branch"])
        stream = found[f"stage_0_block_{i}/stream"]
        np.testing.assert_array_equal(stream, found["stage_0_block_0/stream"])


LIVE = {
    "option b": {**TWO_STAGES, "shortcut": "b"},
    "plain without norm": {**TWO_STAGES, "norm": "none", "skip": "none"},
    "option c without skip": {**TWO_STAGES, "shortcut": "c", "skip": "none", "norm": "layer"},
    "bottleneck, option c": {**BOTTLENECK, "shortcut": "c", "norm": "group"},
    "wide": {**TWO_STAGES, **WIDE},
    "plain pre-activation bottleneck": {**BOTTLENECK, **WIDE, "skip": "none", "norm": "rms"},
    "large images": {**TWO_STAGES, "stem": "7x7", "norm": "none"},
    "fixup": {**TWO_STAGES, "norm": "none", "initializer": "fixup", "shortcut": "b"},
}


@pytest.mark.parametrize("name", LIVE)
def test_no_parameter_is_dead_in_training_mode(name):
    model = create(**LIVE[name])
    found = gradient(model, random_variables(model, images()), batch(), train=True)
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        # 1e-10: far over the rounding that is left of an exact zero in float64.
        assert np.abs(leaf).max() > 1e-10, jax.tree_util.keystr(path)


@pytest.mark.parametrize("shortcut", shortcuts.SHORTCUTS)
def test_a_plain_network_has_no_projection_and_otherwise_the_residual_twins_parameters(shortcut):
    options = {"depth": 8, "shortcut": shortcut}
    residual, plain = (
        models.shapes(create(**options, skip=skip), images())["params"]
        for skip in ("identity", "none")
    )
    projected = {name for name, block in residual.items() if "shortcut" in block}
    assert len(projected) == {"a": 0, "b": 2, "c": 3}[shortcut]
    without = {
        name: {key: part for key, part in block.items() if key != "shortcut"}
        for name, block in residual.items()
    }
    assert plain == without


def test_a_norm_that_both_paths_share_counts_each_mini_batch_once():
    model = create(**TWO_STAGES, **WIDE)
    variables = random_variables(model, images())
    options = {"train": True, "mutable": ["batch_stats"]}
    _, new = apply(model, variables, images(), **options)
    _, full = apply(model.clone(momentum=0.0), variables, images(), **options)
    jax.tree.map(
        lambda old, mixed, whole: np.testing.assert_allclose(mixed, 0.9 * old + 0.1 * whole),
        variables["batch_stats"],
        new["batch_stats"],
        full["batch_stats"],
    )


def hessian_product(loss, params, data, vector):
    along = lambda p, v: jax.jvp(lambda p: jax.grad(loss)(p, data), (p,), (v,))  # noqa: E731
    return jit(along)(params, vector)


class Numbered(registry.Skip):
    """A branch that is weaker in each further block."""

    @nn.compact
    def __call__(self, x, branch, shortcut=None, index=0, train=False):
        return shortcut(x) + branch(x) / jnp.asarray(1 + index, x.dtype)


def test_blocks_are_numbered_through_all_stages(monkeypatch):
    monkeypatch.setitem(registry.SKIPS, "numbered", Numbered)
    model = create(depth=8, blocks=(1, 2), width=2, preactivation=True, skip="numbered")
    found = seen(model, random_variables(model, images()), images())
    before, after = (found[f"stage_1_block_{i}/stream"] for i in range(2))
    branch = found["stage_1_block_1/branch"]
    np.testing.assert_allclose(after - before, branch / 3, rtol=1e-10, atol=1e-12)


def test_scanned_and_rematerialised_twin_has_the_same_gradient_and_hessian_product(monkeypatch):
    monkeypatch.setitem(registry.SKIPS, "numbered", Numbered)
    model, data = create(**TINY, skip="numbered"), batch(2, 4)
    twin = model.clone(scan=True, remat=True)
    like = models.shapes(twin, data["image"])
    assert {"stage_0_block_0", "stage_0_blocks"} < like["params"].keys()
    variables = random_variables(model, data["image"])
    vector = random_variables(model, data["image"], seed=2)["params"]
    stacked = models.stack(variables, like)
    along = models.stack({"params": vector}, {"params": like["params"]})["params"]
    loss, twin_loss = (
        models.CrossEntropy(net, {"batch_stats": own["batch_stats"]})
        for net, own in ((model, variables), (twin, stacked))
    )
    expected = hessian_product(loss, variables["params"], data, vector)
    hessian = operators.hessian(twin_loss, stacked["params"], data)
    actual = jit(jax.grad(twin_loss))(stacked["params"], data), hessian @ along
    for one, other in zip(expected, actual, strict=True):
        other = models.unstack({"params": other})["params"]
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-10), one, other
        )


def test_max_pooling_has_a_hessian():
    x = jnp.asarray(images(1, 5))
    loss = lambda x: (convolutions.max_pool(x) ** 3).sum()  # noqa: E731
    along = jit(lambda x, v: jax.jvp(jax.grad(loss), (x,), (v,))[1])(x, jnp.ones_like(x))
    pooled = np.full((1, 3, 3, 3), -np.inf)
    padded = np.pad(images(1, 5), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    for i, j in np.ndindex(3, 3):
        pooled = np.maximum(pooled, padded[:, i : i + 5 : 2, j : j + 5 : 2])
    np.testing.assert_allclose(along.sum(), 6 * pooled.sum(), rtol=1e-12)


class Copies(registry.Skip):
    """Two streams that are each the residual network's."""

    streams = 2

    @nn.compact
    def __call__(self, x, branch, shortcut=None, index=0, train=False):
        return shortcut(x) + branch(x[1])[None]


@pytest.mark.parametrize(
    "options",
    [{}, {"shortcut": "b"}, {**WIDE, "norm": "group"}],
    ids=["option a", "option b", "shared activation"],
)
def test_each_of_several_streams_goes_through_shortcut_norm_and_relu_like_a_single_one(
    options, monkeypatch
):
    monkeypatch.setitem(registry.SKIPS, "copies", Copies)
    options = {**TWO_STAGES, **options}
    model = create(**options)
    variables = random_variables(model, images())
    single = seen(model, variables, images())
    double = seen(create(**options, skip="copies"), variables, images())
    for block in ("stage_0_block_0", "stage_1_block_0"):
        expected = single[f"{block}/stream"]
        assert double[f"{block}/stream"].shape == (2, *expected.shape)
        for stream in double[f"{block}/stream"]:
            np.testing.assert_allclose(stream, expected, rtol=1e-10, atol=1e-10)


def test_padding_a_shortcut_to_fewer_channels_is_refused():
    with pytest.raises(ValueError, match=r"stream has 8 channels and the block's output only 4"):
        shortcuts.pad(jnp.zeros((1, 4, 4, 8)), 4, 1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": 22}, "must be 6 n \\+ 2 .*got 22. The nearest are 20 and 26"),
        ({"depth": 24, "preactivation": True}, "6 n \\+ 2 or 6 n \\+ 4 .* are 22 and 26"),
        ({"depth": 21, "bottleneck": True}, "9 n \\+ 2 .* are 20 and 29"),
        ({"blocks": (2, 2, 2, 2)}, "make a depth of 18, but `depth` is 20"),
        ({"blocks": (3, 0, 3)}, "`blocks` must be a tuple of whole numbers"),
        ({"shortcut": "d"}, "Unknown shortcut of the model resnet: 'd'.*a, b, c"),
        ({"stem": "5x5"}, "Unknown stem of the model resnet: '5x5'.*3x3, 7x7"),
        ({"shared_activation": "first"}, "`shared_activation` 'first'.*`preactivation` is False"),
        ({"strided_3x3": True}, "`strided_3x3`.*`bottleneck` is False"),
        ({"initializer": "fixup"}, "`initializer` 'fixup'.*`norm` is 'batch'"),
        (
            {"initializer": "zero_branch", "skip": "none"},
            "'zero_branch' makes every.*the skip 'none'",
        ),
        ({"skip": "identity(stages=(3,))"}, "the stages of this network are 0 to 2"),
        ({"skip": "identity(every=2)", "scan": True}, "`scan` runs equal blocks.*`skip` leaves"),
    ],
)
def test_options_that_contradict_each_other_are_refused_by_name(options, text):
    with pytest.raises(ValueError, match=text):
        create(**options)


def test_signals_are_no_images_and_are_refused():
    model = models.create("resnet", depth=8, width=4, num_classes=2)
    with pytest.raises(ValueError, match=r"`images` must have the shape \[N, H, W, C\]; got"):
        models.init(model, jnp.ones((2, 40)), key=jax.random.key(0))

"""Each skip type against its equation in NumPy, its limits and its law of chance."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo.models import CrossEntropy, activations, create, init, set_gates
from lsgeo.models.skips import registry

KEY = jax.random.key(0)
BLOCKS = 4


def images(n=6):
    return np.random.default_rng(0).normal(size=(n, 2, 3, 1))


def mlp(skip, **options):
    return create("mlp", **{"depth": 3, "width": 4, "skip": skip, **options})


@functools.cache
def streams(skip, **options):
    """The network's variables at init, and its streams and logits on the images."""
    model = mlp(skip, **options)
    variables = init(model, images(), key=KEY)
    return variables, activations(model, variables, images())


def shape_kept(x):
    return x


def across_stages(x):
    return np.concatenate([x[:, ::2, ::2], 0 * x[:, ::2, ::2]], -1)


def branch_of(shortcut):
    # Any function of the right shape, other than linear.
    return lambda x: jnp.tanh(3 * shortcut(x) + 1)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gate(params, kept):
    return sigmoid(kept @ params["gate"]["kernel"] + params["gate"]["bias"])


# (parameters, S(x), F(x)) -> the next stream, as architectures and papers have it.
EQUATIONS = {
    "none": lambda p, s, f: f,
    "identity": lambda p, s, f: s + f,
    "constant(scale=0.3)": lambda p, s, f: 0.3 * s + f,
    "constant(scale=0.3, convex=True)": lambda p, s, f: 0.3 * s + 0.7 * f,
    "scaled": lambda p, s, f: s + f / np.sqrt(BLOCKS),
    "rezero": lambda p, s, f: s + p["alpha"] * f,
    "skipinit": lambda p, s, f: s + p["alpha"] * f,
    "layerscale": lambda p, s, f: s + p["gamma"] * f,
    "highway": lambda p, s, f: gate(p, s) * f + (1 - gate(p, s)) * s,
    "exclusive_gate": lambda p, s, f: gate(p, s) * f + (1 - gate(p, s)) * s,
    "shortcut_gate": lambda p, s, f: f + (1 - gate(p, s)) * s,
    "projection": lambda p, s, f: s @ p["projection"]["kernel"] + f,
    "dropout": lambda p, s, f: s + f,
    "stochastic_depth(survival=0.2)": lambda p, s, f: s + 0.6 * f,  # Block 1 of 4.
}


@pytest.mark.parametrize(
    ("shape", "shortcut"),
    [((5, 6, 4), shape_kept), ((2, 4, 4, 3), across_stages)],
    ids=["tokens", "images across stages"],
)
@pytest.mark.parametrize("skip", EQUATIONS)
def test_skip_computes_its_equation(skip, shape, shortcut):
    x = np.random.default_rng(1).normal(size=shape)
    module = registry.parse(skip).at(1, num_blocks=BLOCKS)
    arguments = (x, branch_of(shortcut), shortcut)
    params = module.init(KEY, x.astype(np.float32), *arguments[1:], index=1).get("params", {})
    # Other numbers than the initial ones, which hide terms that start at zero.
    numbers = np.random.default_rng(2)
    params = jax.tree.map(lambda leaf: numbers.normal(size=leaf.shape), params)
    actual = module.apply({"params": params}, *arguments, index=1)
    expected = EQUATIONS[skip](params, shortcut(x), np.asarray(branch_of(shortcut)(x)))
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.parametrize("skip", registry.SKIPS)
def test_stream_keeps_its_dtype_through_every_skip_type(skip, dtype):
    model = mlp(skip)
    variables = init(model, images(), key=KEY, dtype=dtype)
    found = activations(model, variables, images())
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    chex.assert_tree_all_finite(found)


@pytest.mark.parametrize(
    ("skip", "other"),
    [
        ("constant(scale=1)", "identity"),
        ("constant(scale=0)", "none"),
        ("skipinit(inverse_root=True)", "scaled"),
        ("layerscale(start=1)", "identity"),
        ("highway(bias=1000)", "none"),
        ("shortcut_gate(bias=-1000)", "identity"),
        ("highway(bias=-3)", "exclusive_gate(bias=-3)"),
        ("stochastic_depth(survival=1)", "identity"),
        ("gated", "identity"),
        ("gated(gate=0)", "none"),
    ],
)
def test_skips_coincide_where_their_equations_do(skip, other):
    # As a parameter 1 / sqrt(3) comes from float32.
    tolerance = 1e-6 if skip.startswith("skipinit") else 0
    for name in ("block_0/stream", "block_2/stream", "logits"):
        expected = streams(other)[1][name]
        np.testing.assert_allclose(streams(skip)[1][name], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("skip", ["rezero", "skipinit", "highway(bias=-1000)"])
def test_network_whose_branches_are_closed_is_its_stem_and_head_exactly(skip):
    variables, found = streams(skip)
    np.testing.assert_array_equal(found["block_2/stream"], found["block_0/stream"])
    params = jax.tree.map(np.asarray, variables["params"])
    stem = images().reshape(6, -1) @ params["stem"]["kernel"]
    np.testing.assert_allclose(found["block_0/stream"], stem, rtol=1e-12, atol=1e-14)
    expected = np.maximum(stem, 0) @ params["head"]["kernel"]
    np.testing.assert_allclose(found["logits"], expected, rtol=1e-12, atol=1e-14)


@jax.jit
def gradient_of(loss, params, data):
    return jax.grad(loss)(params, data)


def moving(gradient):
    """Names of the leaves that receive a gradient, and those whose gradient is exactly zero."""
    names = {
        "/".join(str(k.key) for k in path): np.abs(leaf).max() > 0
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient)
    }
    return {k for k, v in names.items() if v}, {k for k, v in names.items() if not v}


@pytest.mark.parametrize("skip", ["rezero", "skipinit"])
def test_closed_learned_scales_have_a_gradient_and_their_branches_exactly_none(skip):
    variables = streams(skip)[0]
    data = {"image": images(), "label": np.arange(6)}
    gradient = gradient_of(CrossEntropy(mlp(skip), {}), variables["params"], data)
    moved, still = moving(gradient)
    blocks = range(3)
    assert {f"block_{i}/skip/alpha" for i in blocks} <= moved
    assert still == {f"block_{i}/dense_0/{leaf}" for i in blocks for leaf in ("kernel", "bias")}


def test_sweeping_the_gate_compiles_once_and_ends_at_the_twins():
    # One for the sweep, one for each twin.
    @jax.jit
    @chex.assert_max_traces(n=3)
    def value(loss, params, data):
        return loss(params, data)

    data = {"image": images(), "label": np.arange(6)}
    model = mlp("gated")
    constants = dict(streams("gated")[0])
    params = constants.pop("params")
    swept = [value(CrossEntropy(model, set_gates(constants, g)), params, data) for g in (0, 0.5, 1)]
    for loss, twin in ((swept[0], "none"), (swept[2], "identity")):
        assert loss == value(CrossEntropy(mlp(twin), {}), params, data)
    assert len(set(map(float, swept))) == 3


def test_each_block_has_a_gate_of_its_own():
    variables = streams("gated")[0]
    gates = {f"block_{i}": {"skip": {"gate": np.float64(i == 1)}} for i in range(3)}
    actual = mlp("gated").apply({"params": variables["params"], "gates": gates}, images())
    np.testing.assert_array_equal(actual, streams("identity(every=2)")[1]["logits"])


def test_gates_of_a_network_without_are_refused():
    with pytest.raises(ValueError, match="`constants` hold no gates.*skip='gated'"):
        set_gates({}, 0.5)


def draws(skip, count, index):
    """What `count` keys make of ones, with a branch of tens."""
    module = registry.parse(skip).at(0, num_blocks=BLOCKS)
    x = np.ones((3, 5))

    def one(key):
        return module.apply({}, x, lambda h: 10 * h, index=index, train=True, rngs={"dropout": key})

    return np.asarray(jax.vmap(one)(jax.random.split(KEY, count)))


def test_stochastic_depth_draws_once_per_batch_with_linearly_decaying_survival():
    for index, survival in enumerate((0.875, 0.75, 0.625, 0.5)):
        outputs = draws("stochastic_depth(survival=0.5)", 2000, index)
        kept = outputs[:, 0, 0] == 11
        np.testing.assert_array_equal(outputs, np.where(kept, 11, 1)[:, None, None] + 0 * outputs)
        # Four standard errors of a frequency: fails once in 16000 keys.
        assert abs(kept.mean() - survival) < 4 * np.sqrt(survival * (1 - survival) / 2000)


def test_dropout_zeroes_numbers_of_the_shortcut_at_its_rate_and_keeps_the_mean():
    outputs = draws("dropout(rate=0.2)", 200, 0)
    np.testing.assert_allclose(np.unique(outputs), [10, 11.25])
    # Four standard errors of a frequency among 3000 draws.
    assert abs((outputs == 10).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 3000)


@pytest.mark.parametrize("skip", ["dropout", "stochastic_depth"])
def test_random_skips_draw_in_training_mode_with_a_key_alone(skip):
    variables, found = streams(skip)
    apply = functools.partial(mlp(skip).apply, variables, images())
    keys = {"dropout": KEY}
    np.testing.assert_array_equal(apply(train=True), found["logits"])
    np.testing.assert_array_equal(apply(train=False, rngs=keys), found["logits"])
    assert np.abs(apply(train=True, rngs=keys) - found["logits"]).max() > 0.01

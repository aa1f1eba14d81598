"""Counts, twins, dead parameters and refusals; the oracles are published counts and identities."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.models import (
    CrossEntropy,
    Logits,
    accuracy,
    create,
    cross_entropy,
    init,
    reestimate_batch_stats,
)
from lsgeo.models.initializers import he_normal

KEY = jax.random.key(0)
SMALL = {"mlp": {"depth": 3, "width": 8}, "resnet": {"depth": 8, "width": 4}}


def images(n=6, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n, 8, 8, 1)).astype(dtype)


def batch(dtype=np.float64):
    return {"image": images(dtype=dtype), "label": np.arange(6, dtype=np.int32)}


@functools.cache
def twins(name):
    options = SMALL[name]
    return {
        skip: init(create(name, skip=skip, **options), images(), key=KEY)
        for skip in ("none", "identity", "scaled")
    }


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_twins_share_the_parameter_tree_and_the_initial_weights_but_not_the_function(name):
    variables = twins(name)
    outputs = []
    for skip, own in variables.items():
        assert jax.tree.structure(own) == jax.tree.structure(variables["none"])
        jax.tree.map(np.testing.assert_array_equal, own, variables["none"])
        outputs.append(create(name, skip=skip, **SMALL[name]).apply(own, images()))
    assert not np.allclose(outputs[0], outputs[1])
    assert not np.allclose(outputs[1], outputs[2])


def test_kernels_have_the_deviation_of_he_et_al():
    kernel = he_normal(KEY, (3, 3, 16, 200))
    # 28800 draws: the relative standard error of the deviation is 1 / sqrt(2 n) = 0.4 %.
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 144), rtol=0.02)
    assert np.abs(kernel).max() > 3 * np.sqrt(2 / 144)  # Truncation would end at 2.3.


def test_another_key_gives_other_weights_and_another_norm_the_same_kernels():
    plain = twins("mlp")["none"]["params"]
    other = init(create("mlp", **SMALL["mlp"]), images(), key=jax.random.key(1))["params"]
    layer = init(create("mlp", norm="layer", **SMALL["mlp"]), images(), key=KEY)["params"]
    assert not np.array_equal(
        plain["block_0"]["dense_0"]["kernel"], other["block_0"]["dense_0"]["kernel"]
    )
    np.testing.assert_array_equal(
        plain["block_0"]["dense_0"]["kernel"], layer["block_0"]["dense_0"]["kernel"]
    )


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "norm"), [("mlp", "none"), ("mlp", "layer"), ("mlp", "batch"), ("resnet", "batch")]
)
def test_dtype_of_parameters_logits_and_loss_follows_the_images(name, norm, dtype):
    model = create(name, norm=norm, **SMALL[name])
    variables = init(model, images(dtype=dtype), key=KEY)
    params = variables.pop("params")
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(dtype)}
    # Means and variances that move by a tenth stand still in bfloat16.
    wide = np.dtype(np.float64 if dtype is np.float64 else np.float32)
    stats = reestimate_batch_stats(model, {"params": params, **variables}, images(dtype=dtype))
    assert {leaf.dtype for leaf in jax.tree.leaves((variables, stats))} <= {wide}
    for train in (False, True):
        assert CrossEntropy(model, stats, train=train)(params, batch(dtype)).dtype == dtype
    # Images of another dtype take that of the parameters.
    exact = CrossEntropy(model, stats)(params, batch(dtype))
    same = {**batch(dtype), "image": images(dtype=dtype).astype(np.float64)}
    np.testing.assert_array_equal(CrossEntropy(model, stats)(params, same), exact)


@jax.jit
def gradient_of(loss, params, data):
    return jax.grad(loss)(params, data)


@pytest.mark.parametrize("skip", ["none", "identity", "scaled"])
@pytest.mark.parametrize(
    ("name", "norm"),
    [("mlp", "none"), ("mlp", "layer"), ("mlp", "batch"), ("resnet", "batch")],
)
def test_no_parameter_is_dead_in_training_or_evaluation_mode(name, norm, skip):
    model = create(name, norm=norm, skip=skip, **SMALL[name])
    variables = init(model, images(), key=KEY)
    params = variables.pop("params")
    for train in (False, True) if norm == "batch" else (False,):
        loss = CrossEntropy(model, variables, train=train)
        gradient = gradient_of(loss, params, batch())
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
            # 1e-10: far over the rounding that is left of an exact zero in float64.
            assert np.abs(leaf).max() > 1e-10, (train, jax.tree_util.keystr(path))


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_reestimated_statistics_make_evaluation_equal_to_training_on_those_images(name):
    model = create(name, norm="batch", **SMALL[name])
    variables = init(model, images(), key=KEY)
    params = variables["params"]
    off = {"params": params, "batch_stats": jax.tree.map(lambda x: x + 7, variables["batch_stats"])}
    constants = reestimate_batch_stats(model, off, images())
    in_training = CrossEntropy(model, {"batch_stats": variables["batch_stats"]}, train=True)
    evaluated = CrossEntropy(model, constants)(params, batch())
    np.testing.assert_allclose(evaluated, in_training(params, batch()), rtol=1e-12)
    before = CrossEntropy(model, {"batch_stats": variables["batch_stats"]})(params, batch())
    assert abs(evaluated - before) > 1e-3


def test_reestimation_of_a_model_without_batch_norm_is_empty():
    variables = twins("mlp")["identity"]
    assert reestimate_batch_stats(create("mlp", **SMALL["mlp"]), variables, images()) == {}


def test_running_statistics_keep_nine_tenths_per_step():
    model = create("mlp", norm="batch", **SMALL["mlp"])
    variables = init(model, images(), key=KEY)
    _, new = model.apply(variables, images(), train=True, mutable=["batch_stats"])
    full = reestimate_batch_stats(model, variables, images())["batch_stats"]
    jax.tree.map(
        lambda old, mixed, whole: np.testing.assert_allclose(mixed, 0.9 * old + 0.1 * whole),
        variables["batch_stats"],
        new["batch_stats"],
        full,
    )


def test_cross_entropy_is_the_mean_of_minus_log_softmax_at_the_label():
    logits = jnp.asarray(np.random.default_rng(1).normal(size=(6, 10)))
    z = np.asarray(logits)
    expected = np.mean(np.log(np.exp(z).sum(1)) - z[np.arange(6), np.arange(6)])
    np.testing.assert_allclose(cross_entropy(logits, batch()), expected, rtol=1e-12)
    labels = z.argmax(1)
    labels[:2] = (labels[:2] + 1) % 10
    np.testing.assert_allclose(accuracy(logits, {"label": labels}), 4 / 6)


def test_mlp_computes_its_equation():
    model = create("mlp", depth=2, width=8, skip="scaled", activation="tanh")
    params = init(model, images(), key=KEY)["params"]
    params = jax.tree.map(np.asarray, params)  # NumPy, where rank promotion is allowed.
    dense = lambda layer, x: x @ layer["kernel"] + layer["bias"]  # noqa: E731
    x = dense(params["stem"], images().reshape(6, -1))
    for name in ("block_0", "block_1"):
        x = x + dense(params[name]["dense_0"], np.tanh(x)) / np.sqrt(2)
    expected = dense(params["head"], np.tanh(x))
    np.testing.assert_allclose(model.apply({"params": params}, images()), expected, rtol=1e-12)


def test_losses_of_equal_models_share_one_compilation_across_checkpoints():
    # One for each kind of loss, none for the second checkpoint.
    @jax.jit
    @chex.assert_max_traces(n=2)
    def value(loss, params, data):
        return loss(params, data)

    for seed in (0, 1):
        model = create("mlp", norm="batch", **SMALL["mlp"])
        variables = init(model, images(), key=jax.random.key(seed))
        params = variables.pop("params")
        value(CrossEntropy(model, variables), params, batch())
        value(Logits(model, variables), params, batch())


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("cnn", {}, "Unknown model: 'cnn'. Choose one of: .*mlp, .*resnet"),
        ("mlp", {"deep": 3}, "Unknown option of the model mlp: 'deep'.*activation, block, depth"),
        ("resnet", {"activation": "tanh"}, "Unknown option of the model resnet: 'activation'"),
        (
            "mlp",
            {"skip": "gate"},
            "Unknown skip: 'gate'. Choose one of: .*identity, .*none, .*scaled",
        ),
        (
            "mlp",
            {"norm": "grp"},
            "Unknown norm of the model mlp: 'grp'.*batch, group, layer, none, rms",
        ),
        ("mlp", {"activation": "elu"}, "Unknown activation of the model mlp: 'elu'"),
        ("mlp", {"depth": 0}, "`depth` must be a whole number of at least 1; got 0"),
        ("mlp", {"width": 2.5}, "`width` must be a whole number"),
        ("resnet", {"depth": 18}, "6 n \\+ 2.*got 18. The nearest are 14 and 20"),
        ("resnet", {"depth": 2}, "got 2. The nearest are 8 and 14"),
    ],
)
def test_unknown_names_and_values_are_refused_by_name(name, options, text):
    with pytest.raises(ValueError, match=text):
        create(name, **options)


def test_whole_number_images_are_refused():
    with pytest.raises(ValueError, match=r"`images` must be a floating array.*got int64"):
        init(create("mlp"), np.zeros((2, 8, 8, 1), np.int64), key=KEY)


@pytest.mark.parametrize("options", [{}, {"norm": "none"}, {"bottleneck": True, "depth": 16}])
@pytest.mark.parametrize("skip", ["near", "none"])
def test_a_densenet_of_equal_size_has_the_growth_that_comes_closest_to_concatenation(skip, options):
    image = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float32)

    def count(**more):
        fields = {"depth": 10, "growth": 6, "width": 12, **options, **more}
        model = models.create("densenet", num_classes=10, **fields)
        return models.count_parameters(models.shapes(model, image)["params"])

    wanted, found = count(skip="dense"), count(skip=skip, equal_size=True)
    assert found == min(
        (count(skip=skip, growth=g) for g in range(5, 40)), key=lambda n: abs(n - wanted)
    )
    assert count(skip="dense", equal_size=True) == wanted


def test_a_layer_with_near_inputs_sees_no_change_of_the_older_half():
    model = models.DenseNet(depth=7, growth=2, width=4, num_classes=3, skip="near", norm="none")
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 1), jnp.float32)
    params = models.init(model, images, key=jax.random.key(1))["params"]
    stem = params["stem"]["kernel"]
    assert params["stage_0_block_0"]["conv_0"]["kernel"].shape == (3, 3, 2, 2)

    def branch(kernel):
        changed = {**params, "stem": {"kernel": kernel}}
        _, state = model.apply({"params": changed}, images, mutable=["intermediates"])
        return state["intermediates"]["stage_0_block_0"]["branch"][0]

    start = branch(stem)
    np.testing.assert_array_equal(branch(stem.at[..., :2].add(1.0)), start)
    assert np.abs(branch(stem.at[..., 2:].add(1.0)) - start).max() > 0.1

"""Twins: what they share by construction, and a contract that notices what they do not."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest

from lsgeo import models, study

# Concatenation is DenseNet's own, where a norm stands a transformer's, and others do without any.
ELSEWHERE = ("dense", "plain-wide", "dense-near", "post-norm", "scaled-norm", "tat", "dks")
ARMS = [arm for arm in study.ARMS.values() if arm.name not in ELSEWHERE]
IMAGES = jax.random.normal(jax.random.key(5), (6, 4), jnp.float32)
BATCH = {"image": IMAGES, "label": jnp.arange(6) % 3}


def twins(**changes):
    fields = {"options": {"depth": 2, "width": 5, "norm": "layer"}, "seed": 3} | changes
    return study.Twins("mlp", arms=tuple(arm.name for arm in ARMS), **fields)


@pytest.fixture(scope="module")
def starts():
    return twins().starts(BATCH, num_classes=3)


def test_arms_share_all_weights_but_those_that_are_their_own(starts):
    found = {
        name: study.contract(start, starts["plain"], BATCH)
        for name, start in starts.items()
        if name != "plain"
    }
    for name in ("residual", "scaled"):
        pair = found[name]
        assert pair.same_tree and pair.same_count and pair.same_weights
        assert "block_1/dense_0/kernel" in pair.equal_leaves and not pair.same_function
    biased = found["identity-biased"]
    assert biased.same_tree and biased.same_count
    assert biased.different_leaves == ("block_0/dense_0/kernel", "block_1/dense_0/kernel")
    learnable = found["learnable"]
    assert learnable.same_weights and not learnable.same_tree and not learnable.same_count
    assert learnable.own_leaves == ("block_0/skip/alpha", "block_1/skip/alpha")
    assert (learnable.num_parameters, learnable.missing_leaves) == (
        learnable.reference_parameters + 2,
        (),
    )


def test_logit_difference_is_that_of_networks_evaluated_by_hand(starts):
    # With skips an MLP without hidden nonlinearity is linear: here the plain twin is F, the other x + F.
    options = {"depth": 1, "width": 4, "activation": "linear"}
    made = study.Twins("mlp", options, seed=1).starts(BATCH, num_classes=3)
    params = jax.tree.map(np.float64, made["plain"].params)
    stem = np.float64(IMAGES) @ params["stem"]["kernel"]
    branch = stem @ params["block_0"]["dense_0"]["kernel"]
    head = params["head"]["kernel"]
    pair = study.contract(made["residual"], made["plain"], BATCH)
    np.testing.assert_allclose(pair.logit_difference, np.abs(stem @ head).max(), rtol=1e-5)
    np.testing.assert_allclose(pair.logit_size, np.abs(branch @ head).max(), rtol=1e-5)


def test_networks_whose_branches_start_at_zero_are_one_function_with_any_scale_of_the_branch():
    options = {"depth": 3, "width": 5, "initializer": "zero_branch"}
    made = study.Twins("mlp", options, arms=("residual", "scaled")).starts(BATCH, num_classes=3)
    pair = study.contract(made["scaled"], made["residual"], BATCH)
    assert pair.same_function and pair.logit_difference == 0 and pair.logit_size > 0


def test_one_bit_and_one_shape_are_noticed(starts):
    start = starts["residual"]
    kernel = start.params["head"]["kernel"]
    for other in (kernel.at[0, 0].set(jnp.nextafter(kernel[0, 0], 9.0)), kernel[None]):
        params = {**start.params, "head": {**start.params["head"], "kernel": other}}
        predict = start.predict if other.ndim == 2 else lambda p, b: jnp.zeros((6, 3))
        changed = dataclasses.replace(start, params=params, predict=predict)
        if other.ndim == 3:
            changed = dataclasses.replace(changed, predict=jax.tree_util.Partial(predict))
        pair = study.contract(changed, start, BATCH)
        assert pair.different_leaves == ("head/kernel",) and not pair.same_weights


def test_losses_are_compared_relative_to_the_larger_one(starts):
    pair = study.contract(starts["residual"], starts["plain"], BATCH, loss=0.4, reference_loss=0.5)
    np.testing.assert_allclose(pair.loss_gap, 0.2)
    assert "losses 0.4 and 0.5" in str(pair)
    assert np.isnan(study.contract(starts["residual"], starts["plain"], BATCH).loss_gap)


def test_twins_with_batch_norm_are_compared_with_the_statistics_of_the_data():
    options = {"depth": 1, "width": 4, "norm": "batch"}
    start = study.Twins("mlp", options).starts(BATCH, num_classes=3)["residual"]
    training = dataclasses.replace(start.predict, train=True)
    np.testing.assert_allclose(
        start.predict(start.params, BATCH), training(start.params, BATCH), rtol=1e-4, atol=1e-5
    )


def test_a_learnable_arm_starts_as_the_identity():
    made = study.Twins("mlp", {"depth": 1, "width": 4}, arms=("plain", "learnable"))
    start = made.starts(BATCH, num_classes=3)["learnable"]
    stem = IMAGES @ start.params["stem"]["kernel"]
    expected = np.maximum(stem, 0) @ start.params["head"]["kernel"]
    np.testing.assert_allclose(start.predict(start.params, BATCH), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: study.parse_arms("plain,gated"), "`arms`: 'gated'. Choose from: plain, residual"),
        (lambda: study.parse_arms("plain"), "at least two arms, each once; got 'plain'"),
        (lambda: study.parse_arms("plain, plain"), "each once; got 'plain, plain'"),
        (
            lambda: twins(options={"skip": "none"}),
            "`options` hold skip='none', which the arms choose",
        ),
        (lambda: twins(options={"deep": 3}).create("plain", 3), "Unknown option .* 'deep'"),
    ],
)
def test_what_is_no_comparison_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_an_arm_is_known_by_its_skip_and_its_initialiser():
    usual = {"initializer": "he", "activation": "relu", "block": "pre", "depth": 3}
    for arm in study.ARMS.values():
        assert study.arm_of(**{**usual, **arm.changes}) is arm
    assert study.arm_of("identity", initializer="identity").name == "residual"
    assert study.arm_of("none", initializer="scaled_orthogonal").name == "plain"
    assert study.arm_of("gated") is None


def test_an_arm_of_other_families_is_refused_by_name_where_its_options_mean_something_else():
    # block="post" is a layer of a Highway network in an MLP.
    with pytest.raises(ValueError, match="`arms` hold post-norm, which is an arm of vit and"):
        study.Twins("mlp", arms=("plain", "post-norm")).create("post-norm", 3)
    made = study.Twins("vit-ti-4", arms=("plain", "post-norm")).create("post-norm", 3)
    assert (made.block, made.skip, made.heads) == ("post", "identity", 3)


def test_an_arm_replaces_what_it_changes_of_the_description():
    options = {"depth": 20, "norm": "none", "activation": "tanh", "initializer": "xavier"}
    chosen = study.Twins("mlp", options, arms=("plain", "tat"))
    made = chosen.create("tat", 3)
    assert (made.activation, made.initializer, made.skip) == ("tat", "scaled_orthogonal", "none")
    assert chosen.create("plain", 3).activation == "tanh"


def test_constant_factors_of_the_shortcut_are_one_row_of_arms_and_one_ramp_of_colours():
    arms = {name: study.ARMS[name] for name in study.ARMS if "constant" in study.ARMS[name].skip}
    factors = [models.skips.parse(arm.skip).options[0][1] for arm in arms.values()]
    assert factors == [0.25, 0.5, 0.75, 0.9, 1.1, 1.25]
    assert list(arms) == ["shortcut-0.25", "halved", *(f"shortcut-{f:g}" for f in factors[2:])]

    def lightness(color):
        channels = np.array(matplotlib.colors.to_rgb(color))
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    for side, paper in (("ink", 1.0), ("dark", lightness("#14171b"))):
        shades = [lightness(getattr(arm, side)) for arm in arms.values()]
        assert (np.diff(shades) > 0).all()  # WCAG's contrast of text, 4.5, nearly.
        contrast = [(max(s, paper) + 0.05) / (min(s, paper) + 0.05) for s in shades]
        assert min(contrast) > 4.3


def test_every_arm_has_a_look_of_its_own():
    from lsgeo import plotting

    looks = [plotting.ARMS[arm.label] for arm in study.ARMS.values()]
    for part in ("color", "marker", "line"):
        assert len({str(getattr(look, part)) for look in looks}) == len(study.ARMS)


def test_models_of_equal_options_are_equal_so_that_arms_compile_once():
    assert twins().create("plain", 3) == twins(seed=9).create("plain", 3)
    assert isinstance(twins().create("residual", 3), models.MLP)


def test_a_study_compiles_a_network_once_for_all_of_its_seeds():
    chex.clear_trace_counter()
    logits = jax.jit(chex.assert_max_traces(lambda f, params, batch: f(params, batch), n=1))
    for seed in range(3):
        start = twins(seed=seed).starts(BATCH, num_classes=3)["residual"]
        chex.assert_shape(logits(start.predict, start.params, BATCH), (6, 3))
    # Another arm is another program, so that the count can fail.
    other = twins().starts(BATCH, num_classes=3)["plain"]
    with pytest.raises(AssertionError, match="traced"):
        logits(other.predict, other.params, BATCH)

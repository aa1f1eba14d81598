"""Published skip types in the networks on tokens: what two halves of a block share, and several streams."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models

# Optimised code is as right and takes twice as long to compile.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4, 4, 1)))
TINY = {"depth": 2, "width": 4, "heads": 1, "mlp_ratio": 1, "num_classes": 3}


@functools.cache
def created(skip, **options):
    model = models.create("vit", skip=skip, **TINY, **options)
    return model, models.init(model, IMAGES, key=jax.random.key(0))


def paths(variables):
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    return {jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves}


def logits(model, variables):
    return compiled(lambda v, x: model.apply(v, x))(variables, IMAGES)


@pytest.mark.parametrize("skip", ["rezero", "hyper(streams=2, dynamic=True)", "stochastic_depth"])
def test_scanned_transformer_equals_the_unrolled_one_with_every_kind_of_skip(skip):
    model, variables = created(skip)
    rng = np.random.default_rng(1)
    moved = jax.tree.map(lambda x: x + rng.normal(size=x.shape) / 4, variables)
    scanned = model.clone(scan=True)
    stacked = models.stack(moved, models.shapes(scanned, IMAGES))
    np.testing.assert_allclose(logits(scanned, stacked), logits(model, moved), rtol=1e-12)


def test_rezero_has_one_scalar_for_both_halves_of_a_block_and_starts_as_the_read_out_of_the_stem():
    model, variables = created("rezero")
    scalars = {path for path in paths(variables) if path.endswith("alpha")}
    assert scalars == {"block_0/skip/alpha", "block_1/skip/alpha"}
    params = jax.tree.map(np.asarray, variables["params"])
    x = params["class_token"] + params["positions"][0]
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-5)  # Norm and head start with no bias.
    expected = np.tile(x @ params["head"]["kernel"], (3, 1))
    np.testing.assert_allclose(logits(model, variables), expected, rtol=1e-9)
    # Beside another type it has its own.
    mixed = models.shapes(models.create("vit", skip="rezero", mlp_skip="skipinit", **TINY), IMAGES)
    assert {path for path in paths(mixed) if "block_0" in path and path.endswith("alpha")} == {
        "block_0/attention_skip/alpha",
        "block_0/mlp_skip/alpha",
    }


def test_streams_of_hyper_connections_start_as_copies_of_the_residual_stream():
    model, variables = created("hyper(streams=3)", norm="none")
    residual = models.create("vit", norm="none", **TINY)
    params = {
        name: {k: v for k, v in tree.items() if not k.endswith("_skip")}
        if "block" in name
        else tree
        for name, tree in variables["params"].items()
    }
    bias = params["head"]["bias"][None]
    one = logits(residual, {"params": params}) - bias
    np.testing.assert_allclose(logits(model, variables) - bias, 3 * one, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"attention_skip": "hyper(streams=2)"},
            "`attention_skip` carries 2 streams and `mlp_skip` 1; all skips of a network",
        ),
        ({"skip": "hyper", "block": "post"}, "`block` 'post' normalises one stream.*carries 4"),
    ],
)
def test_streams_that_do_not_fit_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        models.create("vit", **options)


def test_a_highway_is_an_mlp_with_gates():
    gated = models.create("mlp", depth=3, block="post", skip="highway(bias=-2)")
    assert models.create("highway", depth=3) == gated
    assert models.create("highway", skip="none").block == "post"


def test_survival_falls_from_branch_to_branch_two_in_each_block():
    model, variables = created("stochastic_depth(survival=0.5)")
    found = compiled(functools.partial(models.activations, model))(variables, IMAGES)
    before = found["block_0/stream"]
    # 1 - (l + 1) / L / 2 with L = 4 and l = 2, 3.
    for half, branch, survival in (("stream_0", "branch_0", 0.625), ("stream", "branch_1", 0.5)):
        after = before + survival * found[f"block_1/{branch}"]
        np.testing.assert_allclose(found[f"block_1/{half}"], after, rtol=1e-12)
        before = found[f"block_1/{half}"]

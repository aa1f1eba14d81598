"""DenseNet and the vision transformer against outputs of an independent implementation in PyTorch."""

import functools
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from lsgeo.models.families import _tokens as tokens
from lsgeo.models.skips import registry
from tests.reference import weights

STORED = np.load(Path(weights.__file__).with_name("outputs.npz"), allow_pickle=False)


def densenet_name(path):
    path = re.sub(r"^stage_(\d)_block_(\d)/norm_(\d)/batch", r"stage_\1/block_\2/norm_\3", path)
    path = re.sub(r"^stage_(\d)_block_(\d)", r"stage_\1/block_\2", path)
    path = path.replace("/batch/", "/").replace("norm_head", "final_norm")
    return re.sub("^stem/", "stem/conv/", path)


def transformer_name(path):
    path = (
        path.replace("/layer/", "/").replace("norm_head", "final_norm").replace("stem", "patches")
    )
    return path.replace("norm_0", "attention_norm").replace("norm_1", "mlp_norm")


def variables_by_rule(shapes, name, rename, dtype):
    leaves, structure = jax.tree_util.tree_flatten_with_path(shapes)
    paths = ["/".join(key.key for key in path[1:]) for path, _ in leaves]
    own = {path: leaf.shape for path, (_, leaf) in zip(paths, leaves, strict=True)}
    sizes = [math.prod(map(int, text.split())) for text in STORED[f"shapes/{name}"].tolist()]
    stored = dict(zip(STORED[f"names/{name}"].tolist(), sizes, strict=True))
    assert {rename(path): math.prod(shape) for path, shape in own.items()} == stored
    arrays = weights.fill(own, rename)
    return jax.tree.unflatten(structure, [jnp.asarray(arrays[path], dtype) for path in paths])


def assert_equal_outputs(name, module, rename, inputs, dtype, tolerance, *call):
    inputs = jnp.asarray(inputs, dtype)
    like = jax.ShapeDtypeStruct(inputs.shape, jnp.float32)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, *call), like)
    variables = variables_by_rule(shapes, name, rename, dtype)
    # Optimised code is as right and takes twice as long to compile.
    apply = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    outputs = apply(lambda v, x: module.apply(v, x, *call))(variables, inputs)
    expected = STORED[f"logits/{name}"]
    assert outputs.dtype == dtype
    # Relative to the largest number, for one can be near zero by chance.
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=atol)


TRANSFORMER = {"depth": 2, "width": 24, "heads": 3, "patch": 4, "qkv_bias": True, "epsilon": 1e-6}
NETWORKS = {
    "densenet-13-12": ("densenet", {"depth": 13}),
    "densenet-bc-22-12": (
        "densenet",
        {"depth": 22, "bottleneck": True, "compression": 0.5, "width": 24},
    ),
    "vit-pre": ("vit", TRANSFORMER),
    "vit-pre-no-qkv-bias": ("vit", {**TRANSFORMER, "qkv_bias": False}),
    "vit-pre-epsilon-1e-5": ("vit", {**TRANSFORMER, "epsilon": 1e-5}),
    "vit-post": ("vit", {**TRANSFORMER, "block": "post"}),
}


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        *((name, "float64", 1e-12) for name in NETWORKS),
        ("densenet-bc-22-12", "float32", 1e-5),
        ("vit-pre", "float32", 1e-5),
    ],
)
def test_logits_equal_those_of_the_independent_network(name, dtype, tolerance):
    family, options = NETWORKS[name]
    rename = densenet_name if family == "densenet" else transformer_name
    model = models.create(family, **options)
    assert_equal_outputs(name, model, rename, weights.images(), dtype, tolerance)


@pytest.mark.parametrize("order", ["pre", "post"])
def test_encoder_block_equals_the_independent_one(order):
    mix = functools.partial(tokens.Attention, 3, query_bias=True, key_bias=True, value_bias=True)
    identity = registry.parse("identity")
    block = tokens.Block(
        ("attention", "mlp"),
        mix,
        (identity, identity),
        2,
        0,
        4,
        order,
        "layer",
        "xavier",
        1e-6,
        0.9,
    )

    def rename(path):
        return "block_0/" + transformer_name(path)

    name = f"block-{order}"
    assert_equal_outputs(name, block, rename, weights.tokens(), "float64", 1e-12, 0, False)

"""Forward passes and gradients against outputs stored by an independent implementation in PyTorch.

`tests/reference/weights.py` gives both sides the same weights by canonical name.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lsgeo import models
from tests.reference import weights

# The networks run once: the compiler's optimisations cost more than they gain.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
STORED = np.load(Path(weights.__file__).with_name("outputs.npz"), allow_pickle=False)


def resnet_name(path):
    """Canonical name of a leaf of a ResNet, from its place in lsgeo's variables."""
    path = path.replace("/batch/", "/")
    path = re.sub(r"^stage_(\d+)_block_(\d+)/", r"stage_\1/block_\2/", path)
    path = re.sub(r"^stem/", "stem/conv/", path)
    return re.sub(r"^norm_stem/", "stem/norm/", re.sub(r"^norm_head/", "final_norm/", path))


@dataclasses.dataclass(frozen=True)
class Case:
    """A network of lsgeo that a stored one must equal.

    Attributes:
      model: name in `models.create`.
      options: of the model.
      rename: path of a leaf -> canonical name.
      single: whether to compare in float32 as well.
    """

    model: str
    options: dict = dataclasses.field(default_factory=dict)
    rename: Callable[[str], str] = resnet_name
    single: bool = False


def small_bottleneck(**options):
    shape = {"depth": 14, "blocks": (1, 1, 1, 1), "width": 8, "stem": "7x7"}
    return Case("resnet", {**shape, "shortcut": "b", "bottleneck": True, **options})


def preactivation(single=False, **options):
    shared = {"preactivation": True, "shortcut": "b", "shared_activation": "changed"}
    return Case("resnet", {**shared, **options}, single=single)


CASES = {
    "resnet20-a": Case("resnet-20", single=True),
    "resnet20-b": Case("resnet-20-b", single=True),
    "resnet20-none": Case("plain-20"),
    "imagenet18": Case("resnet-18", {"num_classes": 10, "width": 16}),
    "imagenet14": small_bottleneck(),
    "imagenet14-strided-3x3": small_bottleneck(strided_3x3=True),
    "preactivation20-a-never": Case("resnet", {"preactivation": True}, single=True),
    "preactivation20-a-first": preactivation(shortcut="a", shared_activation="first"),
    "preactivation29-never": preactivation(
        depth=29, bottleneck=True, shared_activation="never", single=True
    ),
    "preactivation29-changed-strided-3x3": preactivation(
        depth=29, bottleneck=True, strided_3x3=True
    ),
    "wrn10-2-changed": preactivation(depth=10, widen=2),
}


@functools.cache
def network(name, dtype):
    """Returns the model, its variables by the rule, and the images."""
    case = CASES[name]
    images = jnp.asarray(weights.images(), dtype)
    model = models.create(case.model, **case.options)
    leaves, structure = jax.tree.flatten_with_path(models.shapes(model, images))
    # Without the collection's name in front.
    paths = ["/".join(entry.key for entry in path[1:]) for path, _ in leaves]
    shapes = {path: leaf.shape for path, (_, leaf) in zip(paths, leaves, strict=True)}
    own = {case.rename(path): " ".join(map(str, shape)) for path, shape in shapes.items()}
    names, sizes = STORED[f"names/{name}"].tolist(), STORED[f"shapes/{name}"].tolist()
    assert own == dict(zip(names, sizes, strict=True))
    arrays = weights.fill(shapes, case.rename)
    values = [jnp.asarray(arrays[path], dtype) for path in paths]
    return model, jax.tree.unflatten(structure, values), images


def assert_close(actual, expected, tolerance):
    # Relative to the largest number, for one logit can be near zero by chance.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def check_logits(name, dtype, tolerance):
    model, variables, images = network(name, dtype)
    logits = jit(model.apply)(variables, images)
    assert logits.dtype == dtype
    assert_close(logits, STORED[f"logits/{name}"], tolerance)


@pytest.mark.parametrize("name", CASES)
def test_logits_equal_those_of_the_independent_network(name):
    check_logits(name, "float64", 1e-12)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.single])
def test_logits_in_single_precision_equal_those_of_the_independent_network(name):
    check_logits(name, "float32", 1e-5)


def test_resnet_in_training_mode_equals_the_independent_network():
    model, variables, images = network("resnet20-a", "float64")
    train = functools.partial(model.apply, train=True, mutable=["batch_stats"])
    logits, _ = jit(train)(variables, images)
    assert_close(logits, STORED["batch_logits/resnet20-a"], 1e-12)


def test_loss_and_gradient_of_each_layer_equal_the_independent_network():
    model, variables, images = network("resnet20-a", "float64")
    loss = models.CrossEntropy(model, {"batch_stats": variables["batch_stats"]})
    batch = {"image": images, "label": jnp.asarray(weights.LABELS, jnp.int32)}
    value, gradient = jit(jax.value_and_grad(loss))(variables["params"], batch)
    assert_close(value, STORED["loss/cross_entropy/evaluation"], 1e-12)
    norms = {
        resnet_name("/".join(entry.key for entry in path)): np.linalg.norm(leaf)
        for path, leaf in jax.tree.leaves_with_path(gradient)
    }
    names = STORED["gradient_names"].tolist()
    assert norms.keys() == set(names)
    expected = STORED["gradient/cross_entropy/evaluation"]
    assert_close([norms[name] for name in names], expected, 1e-11)

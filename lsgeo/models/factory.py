"""Models by name, with every option checked where it comes in."""

import dataclasses
from typing import Any

import flax.linen as nn

from lsgeo.models.mlp import ACTIVATIONS, MLP
from lsgeo.models.resnet import ResNet
from lsgeo.models.skips import SKIPS

MODELS: dict[str, type[nn.Module]] = {"mlp": MLP, "resnet": ResNet}
NORMS = {"mlp": ("none", "layer", "batch"), "resnet": ("batch", "none")}
_SIZES = ("depth", "width", "num_classes")


def create(name: str, **options: Any) -> nn.Module:
    """Creates a model by its name.

    Models with equal options are equal and hash alike, so that compiled functions that take the
    model as a static argument are shared between runs.

    Args:
      name: "mlp" or "resnet".
      **options: the attributes of `MLP` or `ResNet`; what is left out keeps its default.

    Returns:
      A Flax Linen module: `model.apply(variables, images, train=False)` gives logits [N, classes].

    Raises:
      ValueError: for a name, an option or a value that does not exist; the text lists those that
        do, and the depths a ResNet can have.
    """
    _check("model", name, MODELS)
    model = MODELS[name]
    known = [f.name for f in dataclasses.fields(model) if f.name not in ("parent", "name")]
    for option in options:
        _check(f"option of the model {name}", option, known)
    filled = {f.name: options.get(f.name, f.default) for f in dataclasses.fields(model)}
    for size in _SIZES:
        _check_size(size, filled[size])
    _check("skip", filled["skip"], SKIPS)
    _check(f"norm of the model {name}", filled["norm"], NORMS[name])
    if name == "mlp":
        _check("activation", filled["activation"], ACTIVATIONS)
    if name == "resnet":
        _check_resnet_depth(filled["depth"])
    return model(**options)


def _check(what, value, known):
    if value not in known:
        raise ValueError(f"Unknown {what}: {value!r}. Choose one of: {', '.join(sorted(known))}.")


def _check_size(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be a whole number of at least 1; got {value!r}.")


def _check_resnet_depth(depth):
    if depth < 8 or depth % 6 != 2:
        below = max(8, depth - (depth - 2) % 6)
        raise ValueError(
            f"`depth` of a resnet must be 6 n + 2 (8, 14, 20, ...); got {depth}. "
            f"The nearest are {below} and {below + 6}."
        )

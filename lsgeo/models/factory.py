"""Models by name, with every option checked where it comes in."""

import dataclasses
from typing import Any

import flax.linen as nn

from lsgeo.models import initializers, norms, skips
from lsgeo.models.families import _residual_blocks as residual_blocks
from lsgeo.models.families import _tokens as tokens
from lsgeo.models.families import densenet, resnet
from lsgeo.models.families.densenet import DenseNet
from lsgeo.models.families.mixer import Mixer
from lsgeo.models.families.mlp import ACTIVATIONS, BLOCKS, MLP
from lsgeo.models.families.resnet import ResNet
from lsgeo.models.families.transformer import CAUSAL_NORMS, Decoder, ViT
from lsgeo.models.published import PUBLISHED

MODELS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "resnet": ResNet,
    "densenet": DenseNet,
    "vit": ViT,
    "decoder": Decoder,
    "mixer": Mixer,
}
# Families that are another one with options.
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "highway": ("mlp", {"block": "post", "skip": "highway(bias=-2)"}),
}
# Values that an option can have, for every family or for one; numbers are checked by their type.
_CHOICES: dict[str, tuple[str, ...]] = {
    "norm": norms.NORMS,
    "initializer": initializers.INITS,
    "activation": tuple(ACTIVATIONS),
}
_FAMILY_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "mlp": {"block": tuple(BLOCKS)},
    "resnet": {
        "stem": resnet.STEMS,
        "shortcut": skips.shortcuts.SHORTCUTS,
        "shared_activation": residual_blocks.SHARED,
    },
    "densenet": {"initializer": densenet.INITS},
    "vit": {"block": tokens.BLOCKS},
    "decoder": {"block": tokens.BLOCKS, "norm": CAUSAL_NORMS},
    "mixer": {"block": tokens.BLOCKS},
}
_SKIPS = ("skip", "attention_skip", "mlp_skip", "token_skip", "channel_skip")


def create(name: str, **options: Any) -> nn.Module:
    """Creates a model by its name.

    Models with equal options are equal and hash alike, so that compiled functions that take the
    model as a static argument are shared between runs.

    Args:
      name: a family ("mlp", "resnet", "vit", ...), or a published network ("resnet-20", "wrn-28-10", ...) of
        `published.PUBLISHED`, which is a family with its options.
      **options: the attributes of the family's class; what is left out keeps its default.

    Returns:
      A Flax Linen module: `model.apply(variables, images, train=False)` gives logits [N, classes].

    Raises:
      ValueError: for a name, an option or a value that does not exist (the text lists those that do),
        and for options that contradict each other.

    >>> create("resnet-20", skip="none").depth
    20
    """
    if name in PUBLISHED:
        published = PUBLISHED[name]
        return create(published.family, **{**published.options, **options})
    if name in PRESETS:
        family, preset = PRESETS[name]
        return create(family, **{**preset, **options})
    if name not in MODELS:
        known = ", ".join([*sorted([*MODELS, *PRESETS]), *PUBLISHED])
        raise ValueError(f"Unknown model: {name!r}. Choose one of: {known}.")
    model = MODELS[name]
    fields = {f.name: f for f in dataclasses.fields(model) if f.name not in ("parent", "name")}
    for option, value in options.items():
        _check(f"option of the model {name}", option, fields)
        _check_type(option, value, fields[option].default)
    made = model(**options)
    for option, known in {**_CHOICES, **_FAMILY_CHOICES.get(name, {})}.items():
        if option in fields:
            _check(f"{option} of the model {name}", getattr(made, option), known)
    _skips(made)
    made.check()
    return made


def is_random(model: nn.Module) -> bool:
    """Whether a model draws random numbers in training, so that a training loss needs a key."""
    return any(skip.skip.is_random for skip in _skips(model))


def _skips(model):
    if isinstance(model, DenseNet):  # Its skip, a concatenation, is no module.
        return []
    texts = [getattr(model, option, None) for option in _SKIPS]
    return [skips.parse(text) for text in texts if text is not None]


def _check(what, value, known):
    if value not in known:
        raise ValueError(f"Unknown {what}: {value!r}. Choose one of: {', '.join(sorted(known))}.")


def _check_type(option, value, default):
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"`{option}` must be True or False; got {value!r}.")
    elif isinstance(default, int) and (
        isinstance(value, bool) or not isinstance(value, int) or value < 1
    ):
        raise ValueError(f"`{option}` must be a whole number of at least 1; got {value!r}.")
    elif isinstance(default, float) and (
        isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0
    ):
        raise ValueError(f"`{option}` must be a number of at least 0; got {value!r}.")

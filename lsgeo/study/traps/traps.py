"""Points that training may not leave, built into MLPs so that twins start as one function, at one loss.

Three of them, for "one_layer" blocks x_{l+1} = skip(x_l, W act(x_l) + b) without normalisation:

- `linear_minimum`: every ReLU is active on all data, and the network computes the best linear classifier.
  No network near it does better, for near it all of them are affine: a local minimum, and a bad one
  wherever a bent function does better (Goldblum et al. 2020, lemma 1).
- `dead_layer`: one layer's ReLUs are dead on all data, and the network says the classes' shares.
- `zero_point`: small random parameters about zero, and the classes' shares.

What makes a twin fair. A block without a skip has to carry the stream itself, W = I; one with a skip has
W = 0. While the ReLUs are active, x + W x + b and (I + W) x + b differ by a shift of W alone: twins then have
the same streams, the same margins of all ReLUs, the same gradients and, step for step, the same training
(that of linear networks; Hardt and Ma 2017). Only what they do after a ReLU has turned off is the skip's.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import geometry, models
from lsgeo.operators.evaluation import evaluate
from lsgeo.study.traps.linear_classifiers import LinearClassifier, flat_inputs, log_shares

PyTree = Any
Batch = dict[str, jax.Array]


def linear_minimum(
    model: nn.Module,
    batch: Batch,
    classifier: LinearClassifier,
    *,
    key: jax.Array,
    margin: float = 1.0,
) -> PyTree:
    """Builds the best linear classifier into an MLP with ReLUs, all of them active on all of the data.

    As many units as there are classes carry the logits, the largest with a deviation of one, the others random
    features of the inputs that the head ignores at first; biases keep each of them at `margin` or more.

    Args:
      model: an MLP of one-layer blocks with ReLU, without normalisation, at least as wide as there are classes.
      batch: {"image": [N, ...], "label": [N]}, the data.
      classifier: `fit_linear` of that batch.
      key: typed random key of the features; twins take the same.
      margin: the least input of any ReLU.

    Returns:
      Parameters, a pytree.

    Raises:
      ValueError: if the model is none of those, or its skip does not let the stream pass an empty branch.
    """
    _check(model, margin, "relu")
    classes = classifier.kernel.shape[1]
    if model.num_classes != classes or model.width < classes:
        raise ValueError(
            f"`model` must have {classes} outputs, as `classifier`, and at least as many units; got "
            f"{model.num_classes} outputs and width {model.width}."
        )
    kernel, stream = _features(model, batch, key)
    size = (flat_inputs(batch) @ classifier.kernel).std(0).max()
    kernel[:, :classes] = classifier.kernel / size
    stream[:, :classes] = flat_inputs(batch) @ kernel[:, :classes]
    lift = margin - stream.min(0)
    params = _carrying(model, batch, key, kernel, lift)
    head = np.eye(model.width, classes) * size
    params["head"] = _dense(head, classifier.bias - size * lift[:classes])
    return _checked(model, params, batch, classifier.loss)


def dead_layer(model: nn.Module, batch: Batch, *, key: jax.Array, margin: float = 1.0) -> PyTree:
    """Builds an MLP one of whose layers is dead on all data: its ReLUs are `margin` below zero.

    The stream carries random features of the inputs, is pushed below zero before the middle block and lifted
    again behind it; the head is zero but for its bias, the logarithms of the classes' shares. Without a skip
    nothing below that block has a gradient, and no training on these data can ever change that. Around the
    block, a skip carries both the features and the gradient.

    Args:
      model: as `linear_minimum`, of at least two blocks.
      batch: as `linear_minimum`.
      key: as `linear_minimum`.
      margin: how far all ReLUs are from zero at least, the dead ones below it.

    Returns:
      Parameters, a pytree.

    Raises:
      ValueError: as `linear_minimum`.
    """
    _check(model, margin, "relu")
    if model.depth < 2:
        raise ValueError(f"`model` must have at least two blocks; got depth {model.depth}.")
    kernel, stream = _features(model, batch, key)
    lift = margin - stream.min(0)
    params = _carrying(model, batch, key, kernel, lift)
    drop = jnp.asarray((stream + lift).max(0) + margin, jnp.float32)
    middle = model.depth // 2
    params[f"block_{middle - 1}"]["dense_0"]["bias"] = -drop
    params[f"block_{middle}"]["dense_0"]["bias"] = drop
    return _silent(model, params, batch)


def zero_point(model: nn.Module, batch: Batch, *, key: jax.Array, scale: float = 1e-3) -> PyTree:
    """Draws an MLP's parameters from N(0, scale^2) about its zero point, where its gradient vanishes.

    The head's bias is the logarithms of the classes' shares. With an identity skip the zero point is a strict
    saddle, whose lowest eigenvalue is minus `label_signal`: gradient descent leaves it like
    (1 + learning_rate * label_signal)^t. Without one, and with two blocks or more, its whole Hessian vanishes
    but for the head's bias. Where the model's initialiser is "identity", blocks without a skip are
    drawn about the identity in place of zero.

    Args:
      model: an MLP of one-layer blocks without normalisation, with "tanh" or "linear" units: ReLU has no
        derivative at zero.
      batch: as `linear_minimum`.
      key: typed random key; twins take the same.
      scale: standard deviation of the parameters.

    Returns:
      Parameters, a pytree.

    Raises:
      ValueError: as `linear_minimum`.
    """
    _check(model, scale, "tanh", "linear")
    params = _initial(model, batch, key)
    noise = geometry.random_direction(params, key=key)
    for name in (name for name in params if name.startswith("block_")):
        carry = model.skip == "none" and model.initializer == "identity"
        params[name]["dense_0"] = _dense(carry * np.eye(model.width), np.zeros(model.width))
    for name in ("stem", "head"):
        params[name] = jax.tree.map(jnp.zeros_like, params[name])
    moved = jax.tree_util.tree_map_with_path(
        lambda path, leaf, kick: leaf if _of_skip(path) else leaf + scale * kick, params, noise
    )
    moved["head"]["bias"] = jnp.asarray(log_shares(batch, model.num_classes), jnp.float32)
    return moved


def _features(model, batch, key):
    inputs = flat_inputs(batch)
    drawn = jax.random.normal(key, (inputs.shape[1] * model.width,), jnp.float32)
    kernel = np.array(drawn, np.float64).reshape(-1, model.width) / np.sqrt(inputs.shape[1])
    return kernel, inputs @ kernel


def _carrying(model, batch, key, kernel, bias):
    # The stream of the stem, passed on unchanged by every block while it is positive.
    params = _initial(model, batch, key)
    params["stem"] = _dense(kernel, bias)
    carry = np.eye(model.width) * (model.skip == "none")
    for name in (name for name in params if name.startswith("block_")):
        params[name]["dense_0"] = _dense(carry, np.zeros(model.width))
    return params


def _initial(model, batch, key):
    params = models.init(model, jnp.asarray(batch["image"]), key=key)["params"]
    return jax.tree.map(lambda leaf: leaf, params)  # a copy of the dictionaries, to be changed


def _silent(model, params, batch):
    # The head says the classes' shares whatever the input is.
    shares = log_shares(batch, model.num_classes)
    params["head"] = _dense(np.zeros((model.width, model.num_classes)), shares)
    return _checked(model, params, batch, -float(np.sum(np.exp(shares) * shares)))


def _dense(kernel, bias):
    return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}


def _of_skip(path):
    return any(getattr(part, "key", None) == "skip" for part in path)


def _check(model, margin, *activations):
    if not 0 < margin < np.inf:
        raise ValueError(f"`margin` (or `scale`) must be positive and finite; got {margin!r}.")
    if not isinstance(model, models.MLP):
        raise ValueError(f"`model` must be an MLP; got {type(model).__name__}.")
    for option, allowed in (
        ("block", ("one_layer",)),
        ("norm", ("none",)),
        ("scan", (False,)),
        ("activation", activations),
    ):
        if getattr(model, option) not in allowed:
            raise ValueError(
                f"`model` has {option}={getattr(model, option)!r}; this point is built for "
                f"{' or '.join(map(repr, allowed))} alone."
            )


def _checked(model, params, batch, expected):
    data = {name: jnp.asarray(part) for name, part in batch.items()}
    found = float(evaluate(models.CrossEntropy(model), params, data))
    if not abs(found - expected) <= 1e-4 * expected:
        raise ValueError(
            f"`model` with skip={model.skip!r} has loss {found:.6g} where {expected:.6g} was built: its blocks "
            "do not let the stream pass an empty branch. Take 'none', 'identity', 'scaled' or 'rezero'."
        )
    return params

"""The networks, weights and data that every tool gets, as JAX problems."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import data, models
from lsgeo.models.losses import cross_entropy

WORKLOADS = ("mlp-50k", "mlp-1m", "transformer", "resnet20")
HEADS, CONTEXT, VOCABULARY, WIDTH, LAYERS = 4, 64, 64, 64, 2


@dataclasses.dataclass(frozen=True)
class Problem:
    """A loss at a point: `inputs` and `targets` are its batch as NumPy arrays."""

    name: str
    loss: Callable[[Any, Any], jax.Array]
    params: Any
    constants: Any  # frozen batch statistics, or {}
    inputs: np.ndarray
    targets: np.ndarray

    @property
    def batch(self) -> dict[str, jax.Array]:
        return {"image": jnp.asarray(self.inputs), "label": jnp.asarray(self.targets)}

    @property
    def size(self) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))


def build(name: str, dtype: type = np.float32) -> Problem:
    """Makes a workload; its float64 form has the weights and data of the float32 one, cast."""
    builders = {
        "mlp-50k": lambda: _mlp(name, width=74, num=1024),
        "mlp-1m": lambda: _mlp(name, width=352, num=256),
        "transformer": _transformer,
        "resnet20": _resnet,
    }
    if name not in builders:
        raise ValueError(f"`workload` must be one of {', '.join(WORKLOADS)}; got {name!r}.")
    problem = builders[name]()

    def cast(leaf):
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.asarray(leaf, dtype) if floating else leaf

    params, constants = jax.tree.map(cast, (problem.params, problem.constants))
    inputs = np.asarray(cast(problem.inputs))
    loss = problem.loss
    if isinstance(loss, models.CrossEntropy):
        loss = dataclasses.replace(loss, constants=constants)
    return dataclasses.replace(
        problem, loss=loss, params=params, constants=constants, inputs=inputs
    )


def _mlp(name, width, num):
    split = data.load("digits", num_train=num).train
    model = models.create("mlp", depth=8, width=width, skip="scaled")
    images, labels = np.asarray(split["image"]), np.asarray(split["label"])
    return _network(name, model, images, labels, seed=1)


def _resnet():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((64, 32, 32, 3)).astype(np.float32)
    labels = rng.integers(0, 10, 64)
    return _network("resnet20", models.create("resnet"), images, labels, seed=0)


def _network(name, model, images, labels, seed):
    images = images.astype(np.float32)
    # Seeds with which no ReLU sits so near its kink that two frameworks' rounding puts it on either side.
    variables = models.init(model, jnp.asarray(images), key=jax.random.key(seed))
    constants = {}
    if "batch_stats" in variables:
        constants = models.reestimate_batch_stats(model, variables, jnp.asarray(images))

    loss = models.CrossEntropy(model, constants)
    return Problem(name, loss, variables["params"], constants, images, labels.astype(np.int32))


def _transformer():
    rng = np.random.default_rng(0)

    def kernel(*shape):
        values = rng.standard_normal(shape) / math.sqrt(shape[0])
        return {"kernel": values.astype(np.float32), "bias": np.zeros(shape[1:], np.float32)}

    def norm():
        return {"scale": np.ones(WIDTH, np.float32), "bias": np.zeros(WIDTH, np.float32)}

    def table(rows):
        return {"embedding": (0.5 * rng.standard_normal((rows, WIDTH))).astype(np.float32)}

    params = {"token": table(VOCABULARY), "position": table(CONTEXT), "norm_head": norm()}
    params["head"] = kernel(WIDTH, VOCABULARY)
    for i in range(LAYERS):
        params[f"layer_{i}"] = {
            "norm_0": norm(),
            "qkv": kernel(WIDTH, 3 * WIDTH),
            "out": kernel(WIDTH, WIDTH),
            "norm_1": norm(),
            "up": kernel(WIDTH, 4 * WIDTH),
            "down": kernel(4 * WIDTH, WIDTH),
        }
    tokens = rng.integers(0, VOCABULARY, (16, CONTEXT + 1)).astype(np.int32)
    targets = tokens[:, 1:].reshape(-1)
    return Problem("transformer", transformer_loss, params, {}, tokens[:, :-1], targets)


def transformer_loss(params, batch):
    """Mean next-token cross-entropy of a causal pre-norm transformer with plain attention."""
    tokens = batch["image"]
    x = params["token"]["embedding"][tokens] + params["position"]["embedding"][None]
    for i in range(LAYERS):
        layer = params[f"layer_{i}"]
        x = x + _dense(layer["out"], _attention(_dense(layer["qkv"], _norm(layer["norm_0"], x))))
        hidden = jax.nn.gelu(_dense(layer["up"], _norm(layer["norm_1"], x)), approximate=True)
        x = x + _dense(layer["down"], hidden)
    logits = _dense(params["head"], _norm(params["norm_head"], x))
    return cross_entropy(logits.reshape(-1, VOCABULARY), batch)


def _dense(p, x):
    return x @ p["kernel"] + p["bias"]


def _norm(p, x):
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p["scale"]
        + p["bias"]
    )


def _attention(qkv):
    count = qkv.shape[0]
    heads = qkv.reshape(count, CONTEXT, 3, HEADS, WIDTH // HEADS).transpose(2, 0, 3, 1, 4)
    q, k, v = heads
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(WIDTH // HEADS)
    mask = np.tril(np.ones((CONTEXT, CONTEXT), bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e9), axis=-1)
    return (weights @ v).transpose(0, 2, 1, 3).reshape(count, CONTEXT, WIDTH)

"""Rows of MNIST-1D's table (Greydanus and Kobak 2024), with the networks and the recipe of its code."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.reproductions.records import Reproduction, over_seeds
from lsgeo import data, models
from lsgeo.draws import named


@dataclasses.dataclass
class Mnist1D:
    """How long and how often each network is trained.

    Attributes:
      num_epochs: passes over the 4000 training examples; published are 6000 steps, 150 passes.
      batch_size: examples of a step, in one order that never changes, as published; it divides the examples.
      learning_rate: of Adam.
      num_samples: size of the data set, both parts; 5000 is the published one.
      num_seeds: initial weights.
    """

    num_epochs: int = 150
    batch_size: int = 100
    learning_rate: float = 0.01
    num_samples: int = 5000
    num_seeds: int = 5


def _uniform(bound):
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(
        key, shape, dtype, -bound, bound
    )


def _fan_in(key, shape, dtype=jnp.float32):
    return _uniform(np.prod(shape[:-1]) ** -0.5)(key, shape, dtype)


def _layer(kind, inputs, *arguments, **options):
    # PyTorch's default: weights and biases uniform within 1 / sqrt(fan in).
    options |= {"kernel_init": _fan_in, "bias_init": _uniform(inputs**-0.5)}
    return kind(*arguments, **options)


class Logistic(nn.Module):
    """One linear layer."""

    @nn.compact
    def __call__(self, x):
        """Maps signals [N, 40] to logits [N, 10]."""
        return _layer(nn.Dense, x.shape[-1], 10)(x)


class Mlp(nn.Module):
    """Two hidden layers of 100 units, the second of which has a shortcut."""

    @nn.compact
    def __call__(self, x):
        """Maps signals [N, 40] to logits [N, 10]."""
        h = nn.relu(_layer(nn.Dense, x.shape[-1], 100)(x))
        h = h + nn.relu(_layer(nn.Dense, 100, 100)(h))
        return _layer(nn.Dense, 100, 10)(h)


class Cnn(nn.Module):
    """Three convolutions of 25 channels and stride 2, kernels of 5, 3 and 3."""

    @nn.compact
    def __call__(self, x):
        """Maps signals [N, 40] to logits [N, 10]."""
        h = x[..., None]
        for kernel in (5, 3, 3):
            options = {"strides": 2, "padding": 1}
            h = nn.relu(_layer(nn.Conv, kernel * h.shape[-1], 25, (kernel,), **options)(h))
        h = h.reshape(len(h), -1)
        return _layer(nn.Dense, h.shape[-1], 10)(h)


@functools.partial(jax.jit, static_argnames=("model", "num_epochs"))
def train(model, params, batches, rate, *, num_epochs):
    """Parameters after Adam on `batches`, examples [steps, size, ...], in their order, again and again."""
    optimizer = optax.adam(rate)

    def loss(params, batch):
        return models.cross_entropy(model.apply(params, batch["image"]), batch)

    def step(state, batch):
        params, moments = state
        gradient = jax.grad(loss)(params, batch)
        with jax.numpy_dtype_promotion("standard"):  # Optax mixes whole numbers and floats.
            updates, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(params, updates), moments), None

    def epoch(_, state):
        return jax.lax.scan(step, state, batches)[0]

    return jax.lax.fori_loop(0, num_epochs, epoch, (params, optimizer.init(params)))[0]


def _measure(model, sizes, seed, folder, progress):
    try:
        signals = data.load("mnist-1d", subset="first", num_samples=sizes.num_samples)
    except ImportError as error:
        raise ValueError(str(error)) from error
    there = len(signals.train["label"])
    if there % sizes.batch_size:
        raise ValueError(
            f"`batch_size` must divide the {there} training examples; got {sizes.batch_size}."
        )
    shape = (-1, sizes.batch_size)
    batches = {name: part.reshape(*shape, *part.shape[1:]) for name, part in signals.train.items()}
    accuracies = []
    for i in range(sizes.num_seeds):
        key = named(jax.random.key(seed), f"weights_{i}")
        params = model.init(key, signals.train["image"][:1])
        rate = jnp.float32(sizes.learning_rate)
        params = train(model, params, batches, rate, num_epochs=sizes.num_epochs)
        logits = model.apply(params, signals.test["image"])
        accuracies.append(100 * float(models.accuracy(logits, signals.test)))
        if progress is not None:
            progress(i + 1, sizes.num_seeds, f"test accuracy {accuracies[-1]:.1f} %")
    return over_seeds(accuracies)


def _record(name, quantity, percent, model):
    return Reproduction(
        f"mnist_1d_{name}",
        f"MNIST-1D: test accuracy of {quantity}, %",
        f"{percent}",
        percent - 0.5,
        percent + 0.5,
        "Greydanus and Kobak 2024 (arXiv 2011.14439), abstract of version 1 and README of mnist1d",
        "the same data, networks, optimiser and steps in JAX; other random weights; last step, no early stop",
        "mnist_1d",
        functools.partial(_measure, model),
    )


RECORDS = (
    _record("logistic", "logistic regression", 32, Logistic()),
    _record("mlp", "a two-layer network", 68, Mlp()),
    _record("cnn", "a convolutional network", 94, Cnn()),
)

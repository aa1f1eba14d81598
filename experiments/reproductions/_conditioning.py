"""The Hessian of deep linear residual networks at zero weights (Li et al. 2016), from the dense matrix."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.reproductions.records import Reproduction, exponent, over_seeds
from lsgeo import hessian
from lsgeo.draws import named


@dataclasses.dataclass
class Conditioning:
    """Sizes of the linear networks.

    Attributes:
      layers: numbers of weight matrices, multiples of 6 so that shortcuts of length 1, 2 and 3 fit.
      dim: inputs and outputs.
      num_examples: examples that the covariances are of.
      num_seeds: random tasks.
    """

    layers: tuple[int, ...] = (6, 12, 24)
    dim: int = 4
    num_examples: int = 100
    num_seeds: int = 10


def linear_loss(length: int):
    """loss(weights [layers, D, D], (x, y)) of a chain of blocks x + W_length ... W_1 x."""

    def loss(weights, batch):
        x, y = batch
        for block in weights.reshape(-1, length, *weights.shape[1:]):
            branch = x
            for matrix in block:
                branch = branch @ matrix.T
            x = x + branch
        return ((x - y) ** 2).sum(-1).mean() / 2

    return loss


def spectrum(length: int, layers: int, batch: tuple[jax.Array, jax.Array]) -> np.ndarray:
    """Eigenvalues of the Hessian at zero weights, ascending."""
    dim = batch[0].shape[1]
    weights = jnp.zeros((layers, dim, dim), batch[0].dtype)
    matrix = hessian(linear_loss(length), weights, batch).to_dense()
    return np.linalg.eigvalsh(np.asarray(matrix, np.float64))


def draw(key: jax.Array, dim: int, num: int) -> tuple[jax.Array, jax.Array]:
    """Normal inputs [num, dim] of uneven variance and the outputs of a random linear teacher."""
    inputs, teacher = jax.random.split(key)
    x = jax.random.normal(inputs, (num, dim)) * jnp.linspace(0.5, 1.5, dim)[None]
    return x, x @ jax.random.normal(teacher, (dim, dim))


def _measure(summarise, length, sizes, seed, folder, progress):
    """The summary of |eigenvalues| for each task and number of layers, [seeds, layers]."""
    found = np.empty((sizes.num_seeds, len(sizes.layers)))
    for i in range(sizes.num_seeds):
        batch = draw(named(jax.random.key(seed), f"task_{i}"), sizes.dim, sizes.num_examples)
        for j, layers in enumerate(sizes.layers):
            found[i, j] = summarise(np.abs(spectrum(length, layers, batch)))
        if progress is not None:
            progress(i + 1, sizes.num_seeds, f"{found[i]}")
    return found


def _measure_exponent(length, sizes, *given):
    found = _measure(lambda values: values.max() / values.min(), length, sizes, *given)
    return {"condition": found, **over_seeds(exponent(sizes.layers, found))}


def _measure_flat(length, *given):
    found = _measure(np.max, length, *given)
    return {"largest": found, **over_seeds(found.max(1))}


_SOURCE = "Li, Jiao, Han and Weissman 2016 (Demystifying ResNet, arXiv 1611.01186), abstract"
_SIZES = "networks of 4 inputs and 6 to 24 matrices, dense Hessians"

RECORDS = (
    Reproduction(
        "conditioning_length_2",
        "linear networks at zero, shortcuts over two layers: exponent of the condition number over depth",
        "0, depth-invariant",
        -1e-3,
        1e-3,
        _SOURCE,
        _SIZES,
        "conditioning",
        functools.partial(_measure_exponent, 2),
    ),
    Reproduction(
        "conditioning_length_1",
        "the same with shortcuts over one layer",
        "above 0: it grows without bound",
        1e-3,
        np.inf,
        _SOURCE,
        f"{_SIZES}; the exponent is ours, the paper says that it explodes",
        "conditioning",
        functools.partial(_measure_exponent, 1),
    ),
    Reproduction(
        "conditioning_length_3",
        "the same with shortcuts over three layers: largest |eigenvalue|",
        "0, a flat stationary point of higher order",
        0.0,
        0.0,
        _SOURCE,
        _SIZES,
        "conditioning",
        functools.partial(_measure_flat, 3),
    ),
)

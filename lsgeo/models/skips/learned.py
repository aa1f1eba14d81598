"""Gates: how what a skip type has learned is read, block by block.

A type has one of these in its attribute `learned`, or None where it has no gate.
"""

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np

from lsgeo.trees import PyTree


@dataclasses.dataclass(frozen=True)
class Weight:
    """The branch is multiplied by a parameter: the gate is its magnitude, the mean over channels.

    Attributes:
      name: of the parameter.
    """

    name: str

    def read(self, model: nn.Module, variables: dict[str, PyTree], images: jax.Array) -> np.ndarray:
        """Returns the gate of each block, [L], from the bottom up."""
        return np.array([np.abs(leaf).mean() for leaf in _leaves(variables["params"], self.name)])


@dataclasses.dataclass(frozen=True)
class Opening:
    """The branch is multiplied by the sigmoid of a layer: the gate is its mean over examples and units.

    Attributes:
      name: of the layer.
    """

    name: str

    def read(self, model: nn.Module, variables: dict[str, PyTree], images: jax.Array) -> np.ndarray:
        """Returns the gate of each block, [L], on images [N, ...], as the network computes it."""
        return np.array([float(gate) for gate in _opened(model, self.name, variables, images)])


@dataclasses.dataclass(frozen=True)
class Mixing:
    """The streams are mixed by a parameter.

    Attributes:
      name: of the parameter.
      matrix: matrix(parameter) -> [n, n], from the streams below a block to those above it.
    """

    name: str
    matrix: Callable[[jax.Array], jax.Array]

    def read(self, model: nn.Module, variables: dict[str, PyTree], images: jax.Array) -> np.ndarray:
        """Returns the matrix of each block, [L, n, n] float64."""
        leaves = _leaves(variables["params"], self.name)
        return np.array([np.asarray(self.matrix(leaf), np.float64) for leaf in leaves])


Learned = Weight | Opening | Mixing


@functools.partial(jax.jit, static_argnums=(0, 1))
def _opened(model, name, variables, images):
    _, state = model.apply(
        variables,
        images,
        mutable=["intermediates"],
        capture_intermediates=lambda module, method: module.name == name,
    )
    return [nn.sigmoid(logits).mean() for logits in _leaves(state["intermediates"], name)]


def _leaves(tree, name):
    # Those under "skip" of that name, in the order of the blocks.
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        keys = [str(getattr(part, "key", "")) for part in path]
        if "skip" in keys and name in keys[keys.index("skip") :]:
            found.append((_order(keys), leaf))
    return [leaf for _, leaf in sorted(found, key=lambda pair: pair[0])]


def _order(keys):
    # block_10 comes after block_9.
    return [int(digits) for key in keys for digits in key.split("_") if digits.isdigit()]

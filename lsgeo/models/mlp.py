"""A residual multilayer perceptron with one dense layer per block."""

import functools

import flax.linen as nn
import jax

from lsgeo.models import norms, skips
from lsgeo.models.initializers import he_normal

ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh}


class MLP(nn.Module):
    """Stem, `depth` pre-activation blocks, head: x_{l+1} = skip(x_l, W_l act(norm(x_l)) + b_l).

    The stem is a dense layer to `width`, the head act(norm(x)) followed by a dense layer to
    `num_classes`. Kernels are He-normal (not truncated), biases zero. With `norm="batch"` the stem
    and the blocks have no bias: the next batch mean would remove it, which leaves a dead parameter.

    Attributes:
      depth: number of blocks L.
      width: units per block.
      num_classes: length of the logits.
      skip: "none" (the plain twin), "identity" or "scaled" (branch times 1/sqrt(L)).
      norm: "none", "layer" or "batch".
      activation: "relu" or "tanh".
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 8
    width: int = 32
    num_classes: int = 10
    skip: str = "identity"
    norm: str = "none"
    activation: str = "relu"
    momentum: float = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, ...] to logits [N, num_classes]."""
        dense = functools.partial(
            nn.Dense, self.width, use_bias=self.norm != "batch", kernel_init=he_normal
        )
        act = ACTIVATIONS[self.activation]

        def normalized(x, name):
            return norms.Norm(self.norm, self.momentum, name=name)(x, train)

        x = dense(name="stem")(images.reshape(images.shape[0], -1))
        for i in range(self.depth):
            branch = dense(name=f"block_{i}")(act(normalized(x, f"norm_{i}")))
            x = skips.SKIPS[self.skip](x, branch, self.depth)
        x = act(normalized(x, "norm_head"))
        return nn.Dense(self.num_classes, kernel_init=he_normal, name="head")(x)

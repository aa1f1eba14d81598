"""The normalisation layers that models share, by name.

Epsilon is 1e-5 everywhere. Running statistics move with `momentum` (0.9, the fraction that stays),
as in the published ResNets, not with Flax's default of 0.99.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo import trees

EPSILON = 1e-5
MOMENTUM = 0.9
NORMS = ("none", "batch", "layer", "group", "rms")
_GROUPS = 8


class Norm(nn.Module):
    """One normalisation layer.

    Attributes:
      kind: "none"; "batch"; "layer", over the channels of each position; "group", over each of 8 groups
        of channels (of gcd(8, C) where C is no multiple) and all positions; or "rms", which divides by
        the root mean square of the channels of each position and has no bias.
      momentum: the fraction of the running batch statistics that a training step keeps.
      epsilon: added to the variance.
      scale: what the learned scale starts with; 0 makes a branch that ends with the norm zero.
    """

    kind: str
    momentum: float = MOMENTUM
    epsilon: float = EPSILON
    scale: float = 1.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Normalises activations [N, ..., C]; "none" gives them back unchanged."""
        # Statistics of bfloat16 are of no use, and float64 keeps its own.
        wide = trees.common_dtype(x.dtype, jnp.float32)
        shared = {
            "epsilon": self.epsilon,
            "param_dtype": wide,
            "force_float32_reductions": False,
            "scale_init": nn.initializers.constant(self.scale),
            "name": self.kind,
        }
        if self.kind == "batch":
            norm = nn.BatchNorm(not train, momentum=self.momentum, **shared)
        elif self.kind == "layer":
            norm = nn.LayerNorm(**shared)
        elif self.kind == "group":
            norm = nn.GroupNorm(math.gcd(_GROUPS, x.shape[-1]), **shared)
        elif self.kind == "rms":
            norm = nn.RMSNorm(**shared)
        else:
            return x
        return norm(x.astype(wide)).astype(x.dtype)

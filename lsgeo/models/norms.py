"""The normalisation layers that models share, by name.

Epsilon is 1e-5 everywhere. Running statistics move with `momentum` (0.9, the fraction that stays),
as in the published ResNets, not with Flax's default of 0.99.
"""

import math

import flax.linen as nn
import jax

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
        shared = {
            "epsilon": self.epsilon,
            "scale_init": nn.initializers.constant(self.scale),
            "name": self.kind,
        }
        if self.kind == "batch":
            return nn.BatchNorm(not train, momentum=self.momentum, **shared)(x)
        if self.kind == "layer":
            return nn.LayerNorm(**shared)(x)
        if self.kind == "group":
            return nn.GroupNorm(math.gcd(_GROUPS, x.shape[-1]), **shared)(x)
        if self.kind == "rms":
            return nn.RMSNorm(**shared)(x)
        return x

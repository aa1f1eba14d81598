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
    """

    kind: str
    momentum: float = MOMENTUM
    epsilon: float = EPSILON

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Normalises activations [N, ..., C]; "none" gives them back unchanged."""
        if self.kind == "batch":
            norm = nn.BatchNorm(
                not train, momentum=self.momentum, epsilon=self.epsilon, name="batch"
            )
            return norm(x)
        if self.kind == "layer":
            return nn.LayerNorm(epsilon=self.epsilon, name="layer")(x)
        if self.kind == "group":
            groups = math.gcd(_GROUPS, x.shape[-1])
            return nn.GroupNorm(groups, epsilon=self.epsilon, name="group")(x)
        if self.kind == "rms":
            return nn.RMSNorm(epsilon=self.epsilon, name="rms")(x)
        return x

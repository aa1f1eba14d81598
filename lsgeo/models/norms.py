"""The normalisation layers that models share, by name.

Epsilon is 1e-5 everywhere. Running statistics move with `momentum` (0.9, the fraction that stays),
as in the published ResNets, not with Flax's default of 0.99.
"""

import flax.linen as nn
import jax

EPSILON = 1e-5
MOMENTUM = 0.9


class Norm(nn.Module):
    """One normalisation layer: "none", "layer" (over channels) or "batch"."""

    kind: str
    momentum: float = MOMENTUM

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        """Normalises activations [N, ..., C]; "none" gives them back unchanged."""
        if self.kind == "batch":
            norm = nn.BatchNorm(not train, momentum=self.momentum, epsilon=EPSILON, name="batch")
            return norm(x)
        if self.kind == "layer":
            return nn.LayerNorm(epsilon=EPSILON, name="layer")(x)
        return x

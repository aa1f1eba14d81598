"""A skip type of one's own: save as lsgeo/models/skips/averaged.py."""

import jax
import jax.numpy as jnp

from lsgeo.models.skips.base import Index, Output, Skip
from lsgeo.models.skips.learned import Weight


class Averaged(Skip):
    """S(x) + beta F(x), beta a parameter that starts at `total` / L: all branches together weigh `total`.

    Attributes:
      total: L times the value that beta starts with.
    """

    total: float = 1.0

    passes = "stream"
    learned = Weight("beta")

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch times beta."""
        start = self.total / self.num_blocks
        return shortcut() + self.param("beta", lambda key: jnp.float32(start)) * branch()

"""Initial weights."""

import math

import jax
import jax.numpy as jnp


def he_normal(key: jax.Array, shape: tuple[int, ...], dtype=jnp.float32) -> jax.Array:
    """Draws a kernel from N(0, 2 / fan_in), not truncated (He et al. 2015, eq. 10).

    Args:
      key: typed random key.
      shape: output units on the last axis; the fan-in is the product of the others.
      dtype: floating dtype.
    """
    # Drawn flat: XLA's CPU backend takes seconds to compile the sampler of a four-axis kernel.
    flat = jax.random.normal(key, (math.prod(shape),), dtype)
    return flat.reshape(shape) * math.sqrt(2 / math.prod(shape[:-1]))

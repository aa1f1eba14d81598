"""Initial weights, by name and by the layer's role in the network.

Roles: "stem" (before the blocks), "branch" (within a branch, not its last layer), "last" (a branch's
last layer), "shortcut" (a projection), "head" (the classifier).
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Initializer = Callable[..., jax.Array]

INITS = (
    *("he", "xavier", "orthogonal", "scaled_orthogonal", "delta"),
    *("fixup", "zero_branch", "identity"),
)


def kernel(init: str, role: str, *, num_blocks: int, branch_layers: int) -> Initializer:
    """Returns the initialiser of one kernel.

    - "he": N(0, 2 / fan_in), not truncated (He et al. 2015, eq. 10).
    - "xavier": N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 12).
    - "orthogonal": orthogonal columns times sqrt(2), a convolution's kernel as a matrix (Saxe et al. 2014).
    - "scaled_orthogonal": orthogonal, so scaled that the outputs of a layer have the mean square of its inputs
      (Martens et al. 2021, section 4, "scaled-corrected uniform orthogonal"): for activations that keep it.
    - "delta": "orthogonal" for dense layers; a convolution's kernel is zero but for an orthogonal matrix at
      its centre (Xiao et al. 2018, algorithm 1).
    - "fixup": "he", the branches' layers times L^(-1 / (2 m - 2)) for m layers in each branch, but the
      last layer of a branch and the head zero (Zhang et al. 2019, section 3).
    - "zero_branch": "he", but the last layer of each branch zero.
    - "identity": "he", but a layer of a branch is I + W / sqrt(L) with W from "he", I at a convolution's
      centre: a plain network that starts where the scaled residual network would if it were linear.

    Args:
      init: one of `INITS`.
      role: "stem", "branch", "last", "shortcut" or "head".
      num_blocks: blocks of the network, L.
      branch_layers: layers in each branch, m.

    Returns:
      initializer(key, shape, dtype): output units on the last axis.
    """
    if init == "xavier":
        return xavier_normal
    if init == "scaled_orthogonal":
        return scaled_orthogonal
    if init in ("orthogonal", "delta"):
        return functools.partial(orthogonal, delta=init == "delta")
    if (role == "last" and init in ("fixup", "zero_branch")) or (role, init) == ("head", "fixup"):
        return nn.initializers.zeros
    if init == "fixup" and role in ("branch", "last"):
        return functools.partial(he_normal, scale=num_blocks ** (-1 / (2 * branch_layers - 2)))
    if init == "identity" and role in ("branch", "last"):
        return functools.partial(identity_plus, scale=num_blocks**-0.5)
    return he_normal


def check(init: str, norm: str, *skips: Any, branch_layers: int) -> None:
    """Raises a ValueError where an initialisation has no meaning beside the norm or one of the skips."""
    for skip in skips if init in ("fixup", "zero_branch") else ():
        if skip.partial or skip.skip.passes == "nothing":
            raise ValueError(
                f"`initializer` {init!r} makes every branch zero, but with the skip {skip.kind!r} there "
                "are blocks without a shortcut: nothing would come through them. Take another "
                "initializer, or a skip in every block."
            )
        if skip.skip.starts_closed:
            raise ValueError(
                f"`initializer` {init!r} makes every branch zero, and so does the skip {skip.kind!r}: no "
                "gradient would reach either. Choose one of them."
            )
    if init == "fixup" and norm != "none":
        raise ValueError(
            f"`initializer` 'fixup' is for networks without normalisation, but `norm` is {norm!r}. Set "
            "norm='none', or another initializer."
        )
    if init == "fixup" and branch_layers < 2:
        raise ValueError(
            "`initializer` 'fixup' scales by L^(-1 / (2 m - 2)), which needs branches of m >= 2 layers; "
            "this block has 1. Take initializer='zero_branch', or a block of two layers."
        )


def he_normal(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32, *, scale: float = 1.0
) -> jax.Array:
    """Draws a kernel from N(0, 2 / fan_in), not truncated (He et al. 2015, eq. 10).

    Args:
      key: typed random key.
      shape: output units on the last axis; the fan-in is the product of the others.
      dtype: floating dtype.
      scale: a factor of the result.
    """
    return _normal(key, shape, dtype) * (math.sqrt(2 / math.prod(shape[:-1])) * scale)


def xavier_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """Draws a kernel from N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 12)."""
    area = math.prod(shape[:-2])
    return _normal(key, shape, dtype) * math.sqrt(2 / (area * (shape[-2] + shape[-1])))


def orthogonal(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32, *, delta: bool = False
) -> jax.Array:
    """Draws a kernel with orthogonal columns (or rows, where there are fewer) of length sqrt(2).

    Args:
      key: typed random key.
      shape: output units on the last axis.
      dtype: floating dtype.
      delta: True gives the centre of a convolution an orthogonal matrix and zeros to the rest, False
        makes the whole kernel one matrix [fan_in, outputs].
    """
    rows = shape[-2] if delta else math.prod(shape[:-1])
    matrix = nn.initializers.orthogonal(math.sqrt(2))(key, (rows, shape[-1]), dtype)
    return _centred(matrix, shape) if delta else matrix.reshape(shape)


def scaled_orthogonal(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> jax.Array:
    """Draws an orthogonal kernel times max(sqrt(outputs / fan_in), 1) (Martens et al. 2021, section 4).

    Its outputs have the mean square of its inputs: exactly where there are at least as many outputs,
    otherwise on the average over kernels.

    Args:
      key: typed random key.
      shape: output units on the last axis.
      dtype: floating dtype.
    """
    rows = math.prod(shape[:-1])
    gain = max(math.sqrt(shape[-1] / rows), 1.0)
    return nn.initializers.orthogonal(gain)(key, (rows, shape[-1]), dtype).reshape(shape)


def identity_plus(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32, *, scale: float
) -> jax.Array:
    """Draws I + scale W with W from `he_normal`; I at the centre of a convolution."""
    eye = _centred(jnp.eye(shape[-2], shape[-1], dtype=dtype), shape)
    return eye + he_normal(key, shape, dtype, scale=scale)


def _normal(key, shape, dtype):
    # Drawn flat: XLA's CPU backend takes seconds to compile the sampler of a four-axis kernel.
    return jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)


def _centred(matrix, shape):
    centre = tuple(size // 2 for size in shape[:-2])
    return jnp.zeros(shape, matrix.dtype).at[centre].set(matrix)

"""Convolutions and pooling as the published networks have them."""

import math
from collections.abc import Callable

import flax.linen as nn
import jax

Function = Callable[[jax.Array], jax.Array]


def conv(channels: int, size: int, *, kernel: Callable, name: str, stride: int = 1) -> nn.Conv:
    """Builds a convolution without bias and with size // 2 zeros on every side.

    The padding is explicit, because Flax's "SAME" pads (0, 1) on an even size with stride 2: another
    network than the published one.

    Args:
      channels: output channels.
      size: of the kernel, odd.
      kernel: its initialiser.
      name: of the module.
      stride: in both directions.
    """
    pad = (size // 2, size // 2)
    return nn.Conv(
        channels,
        (size, size),
        strides=(stride, stride),
        padding=(pad, pad),
        use_bias=False,
        kernel_init=kernel,
        name=name,
    )


def max_pool(x: jax.Array) -> jax.Array:
    """The maximum of 3 by 3 pixels at stride 2, one pixel of padding; [N, H, W, C]."""
    return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


def avg_pool(x: jax.Array) -> jax.Array:
    """The mean of each square of 2 by 2 pixels; [N, H, W, C]."""
    # Flax's divides by a NumPy whole number, of another dtype than the images.
    return nn.pooling.pool(x, 0.0, jax.lax.add, (2, 2), (2, 2), "VALID") / 4


def on_images(function: Function, x: jax.Array) -> jax.Array:
    """Applies a function of images [N, H, W, C] to an array with any leading axes [..., H, W, C]."""
    if x.ndim == 4:
        return function(x)
    y = function(x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:]))
    return y.reshape(*x.shape[:-3], *y.shape[1:])

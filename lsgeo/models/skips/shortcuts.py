"""The shortcut of a residual block, S: what brings the stream to the shape of the branch's output."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import _convolutions as convolutions
from lsgeo.models import norms

SHORTCUTS = ("a", "b", "c")


class Shortcut(nn.Module):
    """S(x): the identity where nothing changes; otherwise by option (He et al. 2016, sections 3.3 and 4.1).

    - "a": every second pixel, and zeros for the missing channels (`pad`); no parameters.
    - "b": a 1x1 convolution with the stride, and a norm.
    - "c": the same in every block, whether the shape changes or not.

    In a pre-activation network the convolution has no norm (He et al. 2016b; Zagoruyko and Komodakis
    2016): the next norm would remove its bias, which leaves a dead parameter.

    Attributes:
      option: one of `SHORTCUTS`.
      channels: of the result.
      stride: in both directions.
      norm: a name of `norms.NORMS`.
      momentum: of the norm.
      kernel: initialiser of the convolution.
      shift: whether a learned scalar is added to what goes into the convolution (Fixup).
    """

    option: str
    channels: int
    stride: int
    norm: str
    momentum: float
    kernel: Callable
    shift: bool

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [..., H, W, C] to [..., ceil(H / stride), ceil(W / stride), channels]."""
        changes = self.stride != 1 or x.shape[-1] != self.channels
        if not changes and self.option != "c":
            return x
        if self.option == "a":
            return pad(x, self.channels, self.stride)
        if self.shift:
            x = x + self.param("before_conv", nn.initializers.zeros, (), jnp.float32)
        conv = convolutions.conv(
            self.channels, 1, stride=self.stride, kernel=self.kernel, name="conv"
        )
        norm = norms.Norm(self.norm, self.momentum, name="norm")
        return convolutions.on_images(lambda h: norm(conv(h), train), x)


def pad(x: jax.Array, channels: int, stride: int) -> jax.Array:
    """Option A: every `stride`-th pixel, and zeros for the missing channels, half of them on each side.

    Args:
      x: [..., H, W, C].
      channels: of the result, at least C.
      stride: in both directions.

    Raises:
      ValueError: if there would be fewer channels than before.
    """
    missing = channels - x.shape[-1]
    if missing < 0:
        raise ValueError(
            f"`shortcut` 'a' pads with zeros, but the stream has {x.shape[-1]} channels and the block's "
            f"output only {channels}. Take shortcut='b', or more channels."
        )
    widths = [(0, 0)] * (x.ndim - 1) + [(missing // 2, missing - missing // 2)]
    return jnp.pad(x[..., ::stride, ::stride, :], widths)

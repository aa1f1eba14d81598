"""The CIFAR ResNet of He et al. (2016, section 4.2) with the parameter-free shortcut, option A."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import norms, skips
from lsgeo.models.initializers import he_normal

# Explicit, because "SAME" with stride 2 pads (0, 1) on even sizes: another network.
_conv = functools.partial(
    nn.Conv, kernel_size=(3, 3), padding=((1, 1), (1, 1)), use_bias=False, kernel_init=he_normal
)


def _option_a(x, channels, stride):
    # Every second pixel, and the missing channels as zeros, half of them on each side.
    missing = channels - x.shape[-1]
    pad = (missing // 2, missing - missing // 2)
    return jnp.pad(x[:, ::stride, ::stride, :], ((0, 0), (0, 0), (0, 0), pad))


class Block(nn.Module):
    """act(skip(S(x), norm(W_2 act(norm(W_1 x))))), the post-activation block v1."""

    channels: int
    stride: int
    num_blocks: int
    skip: str
    norm: str
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, ceil(H / stride), ceil(W / stride), channels]."""
        norm = functools.partial(norms.Norm, self.norm, self.momentum)
        strides = (self.stride, self.stride)
        branch = _conv(self.channels, strides=strides, name="conv_0")(x)
        branch = nn.relu(norm(name="norm_0")(branch, train))
        branch = _conv(self.channels, name="conv_1")(branch)
        branch = norm(name="norm_1")(branch, train)
        shortcut = _option_a(x, self.channels, self.stride)
        return nn.relu(skips.SKIPS[self.skip](shortcut, branch, self.num_blocks))


class ResNet(nn.Module):
    """Stem, three stages of n blocks at widths w, 2w, 4w, global average pooling, dense head.

    `skip="none"` has no shortcut anywhere, the transitions included, and the same parameters.
    Without a norm the convolutions still have no bias. Kernels are He-normal over the fan-in.

    Attributes:
      depth: number of weight layers, 6 n + 2.
      width: channels of the stem and the first stage.
      num_classes: length of the logits.
      skip: "none", "identity" or "scaled" (branch times 1/sqrt(3 n)).
      norm: "batch" or "none".
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 20
    width: int = 16
    num_classes: int = 10
    skip: str = "identity"
    norm: str = "batch"
    momentum: float = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        per_stage = (self.depth - 2) // 6
        x = _conv(self.width, name="stem")(images)
        x = nn.relu(norms.Norm(self.norm, self.momentum, name="norm_stem")(x, train))
        for stage in range(3):
            for i in range(per_stage):
                x = Block(
                    channels=self.width * 2**stage,
                    stride=2 if stage > 0 and i == 0 else 1,
                    num_blocks=3 * per_stage,
                    skip=self.skip,
                    norm=self.norm,
                    momentum=self.momentum,
                    name=f"stage_{stage}_block_{i}",
                )(x, train)
        return nn.Dense(self.num_classes, kernel_init=he_normal, name="head")(x.mean((1, 2)))

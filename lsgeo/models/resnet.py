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
    place: int | None
    stage: int
    skip: skips.Choice
    norm: str
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, index: jax.Array | int, train: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, ceil(H / stride), ceil(W / stride), channels]."""
        skip = self.skip.at(self.place, self.stage, num_blocks=self.num_blocks, name="skip")
        norm = [norms.Norm(self.norm, self.momentum, name=f"norm_{i}") for i in range(2)]
        strides = (self.stride, self.stride)
        conv = [
            _conv(self.channels, strides=strides, name="conv_0"),
            _conv(self.channels, name="conv_1"),
        ]

        def branch(h):
            h = norm[0](conv[0](h), train)
            self.sow("intermediates", "preactivation_0", h)
            h = norm[1](conv[1](nn.relu(h)), train)
            self.sow("intermediates", "branch", h)
            return h

        def shortcut(h):
            return _option_a(h, self.channels, self.stride)

        x = skip(x, branch, shortcut, index=index, train=train)
        self.sow("intermediates", "preactivation_1", x)
        x = nn.relu(x)
        self.sow("intermediates", "stream", x)
        return x


class ResNet(nn.Module):
    """Stem, three stages of n blocks at widths w, 2w, 4w, global average pooling, dense head.

    `skip="none"` has no shortcut anywhere, the transitions included, and the same parameters.
    Without a norm the convolutions still have no bias. Kernels are He-normal over the fan-in.

    Attributes:
      depth: number of weight layers, 6 n + 2.
      width: channels of the stem and the first stage.
      num_classes: length of the logits.
      skip: a skip type of `lsgeo.models.skips`; L is 3 n.
      norm: "batch" or "none".
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 20
    width: int = 16
    num_classes: int = 10
    skip: str = "identity"
    norm: str = "batch"
    momentum: float = norms.MOMENTUM

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        if self.depth < 8 or self.depth % 6 != 2:
            below = max(8, self.depth - (self.depth - 2) % 6)
            raise ValueError(
                f"`depth` of a resnet must be 6 n + 2 (8, 14, 20, ...); got {self.depth}. "
                f"The nearest are {below} and {below + 6}."
            )

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        skip = skips.parse(self.skip)
        per_stage = (self.depth - 2) // 6
        x = _conv(self.width, name="stem")(images)
        x = nn.relu(norms.Norm(self.norm, self.momentum, name="norm_stem")(x, train))
        for stage in range(3):
            for i in range(per_stage):
                index = stage * per_stage + i
                x = Block(
                    channels=self.width * 2**stage,
                    stride=2 if stage > 0 and i == 0 else 1,
                    num_blocks=3 * per_stage,
                    place=index,
                    stage=stage,
                    skip=skip,
                    norm=self.norm,
                    momentum=self.momentum,
                    name=f"stage_{stage}_block_{i}",
                )(x, index, train)
        return nn.Dense(self.num_classes, kernel_init=he_normal, name="head")(x.mean((1, 2)))

"""The blocks of a ResNet: post- or pre-activation, of two 3x3 convolutions or a bottleneck of three."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import _convolutions as convolutions
from lsgeo.models import initializers, norms, skips
from lsgeo.models.skips import Shortcut

SHARED = ("never", "changed", "first")


def kernels(bottleneck: bool, channels: int) -> tuple[tuple[int, int], ...]:
    """Size and output channels of each convolution in a branch."""
    return ((1, channels), (3, channels), (1, 4 * channels)) if bottleneck else ((3, channels),) * 2


class Block(nn.Module):
    """x -> skip(x, F(x), S(x)), one block of `lsgeo.models.families.resnet.ResNet`; see there for its equation.

    Attributes:
      channels: of the branch's 3x3 convolutions.
      stride: of the block.
      first: whether it is the first of its stage.
      place: its number in the network; None stands for every block of a compiled loop.
      stage: the stage's number.
      num_blocks: blocks of the network, L.
      skip: the skip type.

    The others are those of `ResNet`.
    """

    channels: int
    stride: int
    first: bool
    place: int | None
    stage: int
    num_blocks: int
    skip: skips.Choice
    norm: str
    momentum: float
    initializer: str
    preactivation: bool
    bottleneck: bool
    shortcut: str
    shared_activation: str
    strided_3x3: bool

    @nn.compact
    def __call__(self, x: jax.Array, index: jax.Array | int, train: bool) -> jax.Array:
        """Maps [N, H, W, C], or streams [n, N, H, W, C], to the shape after the block."""
        layers = kernels(self.bottleneck, self.channels)
        skip = self.skip.at(self.place, self.stage, num_blocks=self.num_blocks, name="skip")
        shortcut = self._shortcut(layers[-1][1])
        conv, norm, scalars = self._convs(layers), self._norms(layers), self._scalars(layers)

        def shifted(h, name):
            return h + scalars[f"before_{name}"] if scalars else h

        def activated(h, k):
            h = shifted(h, f"activation_{k}")
            self.sow("intermediates", f"preactivation_{k}", h)
            return nn.relu(h)

        def normalised(h, k):
            return convolutions.on_images(lambda h: norm[k](h, train), h)

        changes = self.stride != 1 or x.shape[-1] != layers[-1][1]
        where = {"never": False, "changed": changes, "first": self.first}
        shared = where[self.shared_activation]

        def branch(h):
            for k in range(len(layers)):
                if self.preactivation and not (shared and k == 0):
                    h = activated(normalised(h, k), k)
                h = conv[k](shifted(h, f"conv_{k}"))
                if not self.preactivation:
                    h = normalised(h, k)
                    h = activated(h, k) if k < len(layers) - 1 else h
            h = h * scalars["scale"] if scalars else h
            self.sow("intermediates", "branch", h)
            return h

        if shared:
            x = activated(normalised(x, 0), 0)
        x = skip(x, branch, lambda h: shortcut(h, train), index=index, train=train)
        if not self.preactivation:
            x = activated(x, len(layers) - 1)
        self.sow("intermediates", "stream", x)
        return x

    def _kernel(self, role):
        layers = kernels(self.bottleneck, self.channels)
        return initializers.kernel(
            self.initializer, role, num_blocks=self.num_blocks, branch_layers=len(layers)
        )

    def _shortcut(self, channels):
        return Shortcut(
            self.shortcut,
            channels,
            self.stride,
            "none" if self.preactivation else self.norm,
            self.momentum,
            self._kernel("shortcut"),
            self.initializer == "fixup",
            name="shortcut",
        )

    def _zero_scale(self):
        # A norm behind a kernel of zeros would divide by sqrt(epsilon) in the gradient.
        return self.initializer == "zero_branch" and not self.preactivation and self.norm != "none"

    def _convs(self, layers):
        strided = 1 if self.strided_3x3 else 0
        last = "branch" if self._zero_scale() else "last"
        return [
            convolutions.conv(
                channels,
                size,
                stride=self.stride if k == strided else 1,
                kernel=self._kernel(last if k == len(layers) - 1 else "branch"),
                name=f"conv_{k}",
            )
            for k, (size, channels) in enumerate(layers)
        ]

    def _norms(self, layers):
        scales = [1.0] * (len(layers) - 1) + [0.0 if self._zero_scale() else 1.0]
        return [
            norms.Norm(self.norm, self.momentum, scale=scale, name=f"norm_{k}")
            for k, scale in enumerate(scales)
        ]

    def _scalars(self, layers):
        if self.initializer != "fixup":
            return {}
        names = [
            f"before_{what}_{k}" for k in range(len(layers)) for what in ("conv", "activation")
        ]
        scalars = {name: self.param(name, nn.initializers.zeros, (), jnp.float32) for name in names}
        return scalars | {"scale": self.param("scale", nn.initializers.ones, (), jnp.float32)}

"""The MLP-Mixer: tokens mixed by an MLP in place of attention."""

import functools
from typing import ClassVar

import flax.linen as nn
import jax

from lsgeo.models import norms
from lsgeo.models.families import _patches as patches
from lsgeo.models.families import _tokens as tokens


class Mixer(tokens.Network):
    """Patches, `depth` blocks of two MLPs, the mean of the tokens, a dense head.

    Tolstikhin et al. (2021): the first MLP of a block acts across the tokens of each channel, the second
    across the channels of each token; without dropout. L is 2 `depth`, as in `ViT`.

    Attributes:
      patch: pixels on a side of a patch; divides the images' sides.
      token_width: hidden units of the MLP across tokens.
      skip: a skip type of `lsgeo.models.skips`, for both MLPs.
      token_skip: the skip type around the MLP across tokens, where it is another one.
      channel_skip: the skip type around the MLP across channels, where it is another one.
      token_bias: whether the last layer of the MLP across tokens has a bias, as published. It adds the
        same number to all channels of a token: a dead parameter where every norm is over the channels.
      depth, width, num_classes, norm, block, initializer, mlp_ratio, epsilon, scan, remat, momentum:
        those of `ViT`.
    """

    depth: int = 4
    width: int = 32
    patch: int = 2
    token_width: int = 32
    num_classes: int = 10
    skip: str = "identity"
    token_skip: str | None = None
    channel_skip: str | None = None
    norm: str = "layer"
    block: str = "pre"
    initializer: str = "xavier"
    mlp_ratio: int = 4
    token_bias: bool = False
    epsilon: float = norms.EPSILON
    scan: bool = False
    remat: bool = False
    momentum: float = norms.MOMENTUM

    names: ClassVar[tuple[str, str]] = ("token", "channel")

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        bias = self.norm != "batch"  # The batch mean would remove it.
        stem = nn.Dense(self.width, use_bias=bias, kernel_init=self.kernel("stem"), name="stem")
        mix = functools.partial(
            tokens.Mlp, self.token_width, bias=self.token_bias, across_tokens=True
        )
        x = stem(patches.cut(images, self.patch))
        x = self.run(x, train, mix)
        return nn.Dense(self.num_classes, kernel_init=self.kernel("head"), name="head")(x.mean(1))

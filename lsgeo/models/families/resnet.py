"""Residual networks: CIFAR and ImageNet ResNets, pre-activation and wide ones, at any depth."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import _convolutions as convolutions
from lsgeo.models import depth, initializers, norms, skips
from lsgeo.models.families._residual_blocks import Block

STEMS = ("3x3", "7x7")


class ResNet(nn.Module):
    """Stem, stages of residual blocks, global average pooling, dense head.

    With S the shortcut, N the norm and sigma = ReLU, a block of two 3x3 convolutions is

        sigma(S(x) + N(W_1 sigma(N(W_0 x))))      post-activation (He et al. 2016)
        S(x) + W_1 sigma(N(W_0 sigma(N(x))))      pre-activation (He et al. 2016b)

    where the skip type joins S(x) and the branch; "none" has no shortcut anywhere, at the transitions
    neither. A bottleneck is 1x1, 3x3 and 1x1 with four times the channels. From stage to stage the
    channels double, and the first convolution of the first block and its shortcut have stride 2. A norm
    and ReLU come between the stem and post-activation blocks, and between pre-activation blocks and the
    pooling. No convolution has a bias, with or without a norm.

    With initializer="fixup" (Zhang et al. 2019) a learned scalar is added before each convolution but
    the stem's, before each ReLU and before the head, and another multiplies each branch.

    With initializer="zero_branch" a branch that ends with a norm gets a zero scale there, in place of a
    zero kernel (Goyal et al. 2017, section 5.1).

    Attributes:
      depth: number of weight layers, 6 n + 2, or 9 n + 2 with bottlenecks, for n blocks in each of three
        stages. Wide ResNets count three projections and not the head; their 6 n + 4 is understood where
        blocks of two layers are pre-activation ones.
      blocks: blocks of each stage, (2, 2, 2, 2) for ResNet-18; empty means three stages of n.
      width: channels of the stem, and of the 3x3 convolutions in the first stage.
      widen: a factor of the channels everywhere but in the stem (Zagoruyko and Komodakis 2016).
      num_classes: length of the logits.
      stem: "3x3"; or "7x7" with stride 2 and a 3x3 max pooling of stride 2, for large images.
      preactivation: whether the norm and ReLU precede the convolutions.
      bottleneck: whether a branch has three layers in place of two.
      shortcut: "a", "b" or "c", see `shortcuts.Shortcut`.
      shared_activation: pre-activation blocks whose shortcut starts from sigma(N(x)), as the branch does,
        and not from x: "never", "changed" (where the shape changes, as wide ResNets do) or "first" (in the
        first block of each stage).
      strided_3x3: whether a bottleneck's stride is in its 3x3 convolution, as in later implementations.
      skip: a skip type of `lsgeo.models.skips`; L is the number of all blocks.
      norm: a name of `norms.NORMS`.
      initializer: a name of `initializers.INITS`.
      scan: whether the blocks of a stage after its first run in one compiled loop (`models.depth`).
      remat: whether activations are computed again in the backward pass, in place of kept.
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 20
    blocks: tuple[int, ...] = ()
    width: int = 16
    widen: int = 1
    num_classes: int = 10
    stem: str = "3x3"
    preactivation: bool = False
    bottleneck: bool = False
    shortcut: str = "a"
    shared_activation: str = "never"
    strided_3x3: bool = False
    skip: str = "identity"
    norm: str = "batch"
    initializer: str = "he"
    scan: bool = False
    remat: bool = False
    momentum: float = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        if images.ndim != 4:
            raise ValueError(
                f"`images` must have the shape [N, H, W, C]; got {images.shape}. Take the model mlp for "
                "signals and features."
            )
        skip = skips.parse(self.skip)
        x = skips.split(skip, self._stem(images, train), sum(self.stages()))
        first = 0
        for stage, count in enumerate(self.stages()):
            chain = functools.partial(
                depth.chain,
                functools.partial(self._block, skip, stage, first),
                remat=self.remat,
                prefix=f"stage_{stage}_block",
            )
            x = chain(x, train, first=first, count=1, scan=False)
            x = chain(x, train, first=first + 1, count=count - 1, scan=self.scan, start=1)
            first += count
        x = skips.merge(skip, x)
        if self.preactivation:
            x = self._activated(self._norm("norm_head")(x, train), "before_head_activation")
        x = self._shifted(x.mean((1, 2)), "before_head")
        return nn.Dense(self.num_classes, kernel_init=self._kernel("head"), name="head")(x)

    def stages(self) -> tuple[int, ...]:
        """Blocks of each stage."""
        return self.blocks or ((self.depth - 2) // (3 * self._layers()),) * 3

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        if self.blocks:
            self._check_blocks()
        else:
            self._check_depth()
        if self.shared_activation != "never" and not self.preactivation:
            raise ValueError(
                f"`shared_activation` {self.shared_activation!r} is an option of pre-activation blocks, but "
                "`preactivation` is False. Set one of them."
            )
        if self.strided_3x3 and not self.bottleneck:
            raise ValueError(
                "`strided_3x3` is an option of bottlenecks, but `bottleneck` is False. Set one of them."
            )
        skip, stages = skips.parse(self.skip), len(self.stages())
        depth.check(self.scan, skip)
        if skip.stages is not None and not set(skip.stages) <= set(range(stages)):
            raise ValueError(
                f"`skip` is {self.skip!r}, but the stages of this network are 0 to {stages - 1}."
            )
        if skip.skip.reader is not None:
            raise ValueError(
                f"`skip` is {self.skip!r}, which keeps the outputs of all blocks side by side, but those of a "
                "resnet change their shape. Take another skip, or the model mlp or vit."
            )
        initializers.check(self.initializer, self.norm, skip, branch_layers=self._layers())

    def _check_depth(self):
        period = 3 * self._layers()
        rests = (2, 4) if self.preactivation and not self.bottleneck else (2,)
        fits = lambda d: d > period and d % period in rests  # noqa: E731
        if not fits(self.depth):
            below = next(filter(fits, range(self.depth, period, -1)), period + 2)
            above = next(filter(fits, range(below + 1, below + period + 1)))
            forms = " or ".join(f"{period} n + {rest}" for rest in rests)
            raise ValueError(
                f"`depth` of a resnet must be {forms} with {self._layers()} layers in each branch; got "
                f"{self.depth}. The nearest are {below} and {above}. For stages of other sizes set "
                "`blocks` as well."
            )

    def _check_blocks(self):
        whole = isinstance(self.blocks, tuple) and all(
            type(n) is int and n > 0 for n in self.blocks
        )
        if not whole:
            raise ValueError(
                f"`blocks` must be a tuple of whole numbers of at least 1; got {self.blocks!r}."
            )
        implied = self._layers() * sum(self.blocks) + 2
        if self.depth != implied:
            raise ValueError(
                f"`blocks` {self.blocks} with {self._layers()} layers in each branch make a depth of "
                f"{implied}, but `depth` is {self.depth}. Change one of them."
            )

    def _layers(self):
        return 3 if self.bottleneck else 2

    def _stem(self, images, train):
        size, stride = (3, 1) if self.stem == "3x3" else (7, 2)
        kernel = self._kernel("stem")
        x = convolutions.conv(self.width, size, stride=stride, kernel=kernel, name="stem")(images)
        if not self.preactivation:
            x = self._activated(self._norm("norm_stem")(x, train), "before_stem_activation")
        return x if self.stem == "3x3" else convolutions.max_pool(x)

    def _block(self, skip, stage, first, name, place):
        return Block(
            channels=self.width * self.widen * 2**stage,
            stride=2 if stage > 0 and place == first else 1,
            first=place == first,
            place=place,
            stage=stage,
            num_blocks=sum(self.stages()),
            skip=skip,
            name=name,
            **{option: getattr(self, option) for option in _SHARED},
        )

    def _kernel(self, role):
        return initializers.kernel(
            self.initializer, role, num_blocks=sum(self.stages()), branch_layers=self._layers()
        )

    def _norm(self, name):
        return norms.Norm(self.norm, self.momentum, name=name)

    def _activated(self, x, name):
        return nn.relu(self._shifted(x, name))

    def _shifted(self, x, name):
        if self.initializer != "fixup":
            return x
        return x + self.param(name, nn.initializers.zeros, (), jnp.float32)


_SHARED = (
    "norm",
    "momentum",
    "initializer",
    "preactivation",
    "bottleneck",
    "shortcut",
    "shared_activation",
    "strided_3x3",
)

"""DenseNet and DenseNet-BC (Huang et al. 2017): each layer sees the outputs of all before it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import _convolutions as convolutions
from lsgeo.models import depth, initializers, norms

SKIPS = ("dense", "near", "none")
# A branch that starts at zero would stay there: its features reach the network through ReLUs alone.
INITS = tuple(name for name in initializers.INITS if name not in ("fixup", "zero_branch"))
_STAGES = 3


class Layer(nn.Module):
    """x -> [x, H(x)], with the newer half of x in H for "near", or H(x) in the plain twin.

    H is norm-ReLU-conv, with a bottleneck twice.
    """

    growth: int
    bottleneck: bool
    num_blocks: int
    skip: str
    norm: str
    initializer: str
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, index: jax.Array | int, train: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H, W, C + growth], in the plain twin to [N, H, W, growth]."""
        convs = [(3, self.growth)]
        if self.bottleneck:
            convs.insert(0, (1, 4 * self.growth))
        h = x[..., x.shape[-1] - _seen(self.skip, x.shape[-1]) :]
        for i, (size, channels) in enumerate(convs):
            h = norms.Norm(self.norm, self.momentum, name=f"norm_{i}")(h, train)
            self.sow("intermediates", f"preactivation_{i}", h)
            role = "last" if i == len(convs) - 1 else "branch"
            h = _conv(self, channels, size, role, name=f"conv_{i}")(nn.relu(h))
        self.sow("intermediates", "branch", h)
        x = jnp.concatenate([x, h], -1) if self.skip != "none" else h
        self.sow("intermediates", "stream", x)
        return x


class Transition(nn.Module):
    """Norm, ReLU, 1x1 convolution, mean of each 2x2 square."""

    channels: int
    num_blocks: int
    bottleneck: bool
    norm: str
    initializer: str
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Maps [N, H, W, C] to [N, H // 2, W // 2, channels]."""
        x = norms.Norm(self.norm, self.momentum, name="norm")(x, train)
        x = _conv(self, self.channels, 1, "shortcut", name="conv")(nn.relu(x))
        return convolutions.avg_pool(x)


class DenseNet(nn.Module):
    """Stem, three stages of n layers with transitions between them, norm, ReLU, global average, head.

    A layer appends `growth` channels to the C that it sees; a transition maps C channels to
    floor(compression C). Convolutions have no bias, with or without a norm. DenseNet-BC has
    `bottleneck`, `compression` 0.5 and `width` 2 `growth`.

    The concatenation is the skip. In the plain twin, skip="none", a layer sees the output of the one before
    it alone: the first layer of a stage maps the channels of the stem or the transition to `growth`, the
    others `growth` to `growth`, and a transition `growth` to floor(compression growth). The twin
    therefore has fewer parameters; equal widths and equal counts cannot both be had: `equal_size` gives up the
    widths. skip="near" keeps the concatenation, but a layer reads the newer half of its channels alone, and so
    none of the features that are far below it.

    Attributes:
      depth: number of weight layers: 3 n + 4, or 6 n + 4 with `bottleneck`.
      growth: channels that a layer makes.
      bottleneck: whether a 1x1 convolution to 4 `growth` channels is before each 3x3 convolution.
      compression: share of the channels that a transition keeps.
      width: channels of the stem.
      num_classes: length of the logits.
      skip: "dense", "near" or "none".
      equal_size: whether a network with another skip than "dense" gets that growth with which it comes closest
        to the number of parameters that it has with "dense": within a tenth, as channels are whole.
      norm: a name of `norms.NORMS`.
      initializer: "he" (published), "xavier", "orthogonal", "delta" or "identity", which is of use in the
        plain twin.
      remat: whether a layer's activations are computed again in the backward pass, in place of kept.
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 40
    growth: int = 12
    bottleneck: bool = False
    compression: float = 1.0
    width: int = 16
    num_classes: int = 10
    skip: str = "dense"
    norm: str = "batch"
    initializer: str = "he"
    remat: bool = False
    momentum: float = norms.MOMENTUM
    equal_size: bool = False

    @property
    def width_of_layers(self) -> int:
        """Channels that a layer makes: `growth`, or with `equal_size` what makes up for the skip."""
        if not self.equal_size or self.skip == "dense":
            return self.growth
        wanted, growth = self._size("dense", self.growth), self.growth
        while self._size(self.skip, growth + 1) <= wanted:
            growth += 1
        return min(growth, growth + 1, key=lambda g: abs(self._size(self.skip, g) - wanted))

    def _size(self, skip, growth):
        # Parameters but for the stem's, which no skip changes.
        norm = 0 if self.norm == "none" else 2
        channels, total = self.width, 0
        for stage in range(_STAGES):
            if stage > 0:
                kept = int(self.compression * channels)
                total, channels = total + norm * channels + channels * kept, kept
            for _ in range(self.num_blocks // _STAGES):
                read = _seen(skip, channels)
                inner = 4 * growth if self.bottleneck else read
                total += norm * read + (read * inner + norm * inner if self.bottleneck else 0)
                total += 9 * inner * growth
                channels = growth if skip == "none" else channels + growth
        return total + norm * channels + (channels + 1) * self.num_classes

    @property
    def num_blocks(self) -> int:
        """Layers of all stages."""
        return _STAGES * ((self.depth - 4) // self._per_layer)

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        if images.ndim != 4 or min(images.shape[1:3]) < 4:
            raise ValueError(
                "`images` must have the shape [N, H, W, C] with at least 4 x 4 pixels, which two "
                f"transitions halve; got {images.shape}."
            )
        names = ("num_blocks", "bottleneck", "norm", "initializer", "momentum")
        options = {name: getattr(self, name) for name in names}
        per_stage, growth = self.num_blocks // _STAGES, self.width_of_layers
        x = _conv(self, self.width, 3, "stem", name="stem")(images)
        for stage in range(_STAGES):
            if stage > 0:
                kept = int(self.compression * x.shape[-1])
                x = Transition(kept, name=f"transition_{stage - 1}", **options)(x, train)
            x = depth.chain(
                lambda name, place: Layer(growth, skip=self.skip, name=name, **options),
                x,
                train,
                first=stage * per_stage,
                count=per_stage,
                scan=False,
                remat=self.remat,
                prefix=f"stage_{stage}_block",
            )
        x = nn.relu(norms.Norm(self.norm, self.momentum, name="norm_head")(x, train))
        return nn.Dense(self.num_classes, kernel_init=_kernel(self, "head"), name="head")(
            x.mean((1, 2))
        )

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        if self.skip not in SKIPS:
            raise ValueError(
                f"`skip` {self.skip!r} is no skip of the model densenet, which concatenates the stream and "
                "the branch: there is no sum that could be gated or scaled. Choose skip='dense', "
                "skip='near', skip='none' for the plain twin, or another model."
            )
        step = self._per_layer
        if self.depth < 4 + step or (self.depth - 4) % step:
            below = max(4 + step, self.depth - (self.depth - 4) % step)
            raise ValueError(
                f"`depth` of a densenet must be {step} n + 4 with bottleneck={self.bottleneck}; got "
                f"{self.depth}. The nearest are {below} and {below + step}."
            )
        if not 0 < self.compression <= 1 or self.compression * self.growth < 1:
            raise ValueError(
                "`compression` must be at most 1 and leave a channel of `growth`; got "
                f"{self.compression} and the growth {self.growth}."
            )

    @property
    def _per_layer(self):
        return _STAGES * (2 if self.bottleneck else 1)


def _seen(skip, channels):
    # Of its input's channels, the last of which are the newest, those that a layer reads.
    return (channels + 1) // 2 if skip == "near" else channels


def _kernel(module, role):
    return initializers.kernel(
        module.initializer,
        role,
        num_blocks=module.num_blocks,
        branch_layers=2 if module.bottleneck else 1,
    )


def _conv(module, channels, size, role, name):
    return convolutions.conv(channels, size, kernel=_kernel(module, role), name=name)

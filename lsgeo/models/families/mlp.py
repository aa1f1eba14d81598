"""Multilayer perceptrons with skips around one, two or three dense layers."""

import functools

import flax.linen as nn
import jax

from lsgeo.models import depth, initializers, norms, skips
from lsgeo.models.families import _shaping as shaping

_FIXED = {"relu": nn.relu, "tanh": nn.tanh, "gelu": nn.gelu, "linear": lambda x: x}
ACTIVATIONS = (*_FIXED, *shaping.SHAPED)
# Dense layers in the branch.
BLOCKS = {"one_layer": 1, "two_layer": 2, "three_layer": 3, "post": 1}


class Block(nn.Module):
    """One block, x -> skip(x, F(x)) with the branch F of `MLP`; place None stands for every block."""

    width: int
    num_blocks: int
    place: int | None
    skip: skips.Choice
    block: str
    norm: str
    activation: str
    initializer: str
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, index: jax.Array | int, train: bool) -> jax.Array:
        """Maps the stream [N, width] to the next one."""
        layers = BLOCKS[self.block]
        skip = self.skip.at(self.place, num_blocks=self.num_blocks, name="skip")
        norm = norms.Norm(self.norm, self.momentum, name="norm_0")
        dense = [self._dense(i, "last" if i == layers - 1 else "branch") for i in range(layers)]
        activation = activation_of(self.activation, self.num_blocks, self.block)

        def activated(h, name="preactivation"):
            self.sow("intermediates", name, h)
            return activation(h)

        def branch(h):
            if self.block == "post":
                h = activated(norm(dense[0](h), train))
            elif self.block == "one_layer":
                h = dense[0](activated(norm(h, train)))
            else:
                h = dense[1](activated(dense[0](norm(h, train))))
                for i in range(2, layers):
                    h = dense[i](activated(h, f"preactivation_{i - 1}"))
            self.sow("intermediates", "branch", h)
            return h

        x = skip(x, branch, index=index, train=train)
        self.sow("intermediates", "stream", x)
        return x

    def _dense(self, i, role):
        kernel = initializers.kernel(
            self.initializer, role, num_blocks=self.num_blocks, branch_layers=BLOCKS[self.block]
        )
        # A bias that the next batch mean removes would be a dead parameter.
        bias = self.norm != "batch" or i < BLOCKS[self.block] - 1
        return nn.Dense(self.width, use_bias=bias, kernel_init=kernel, name=f"dense_{i}")


class MLP(nn.Module):
    """Stem, `depth` blocks x_{l+1} = skip(x_l, F(x_l)), head.

    The stem is a dense layer to `width`, the head act(norm(x)) followed by a dense layer to
    `num_classes`; after "post" blocks, whose stream is already activated, the dense layer alone.
    Biases are zero at first. With `norm="batch"` a layer has no bias where the next batch mean would
    remove it, which leaves a dead parameter.

    Attributes:
      depth: number of blocks L.
      width: units per block.
      num_classes: length of the logits.
      skip: a skip type of `lsgeo.models.skips`; "none" is the plain twin.
      norm: a name of `norms.NORMS`.
      activation: "relu", "tanh", "gelu" or "linear"; or one that is shaped for the network's depth, so that it
        trains without skip and norm (`families._shaping`): "tat" (leaky ReLU, Zhang et al. 2022),
        "dks_softplus" or "dks_tanh" (Martens et al. 2021). Those have initializer="scaled_orthogonal"; DKS
        supposes inputs whose numbers have the mean square 1, TAT any.
      block: the branch, "one_layer": W act(norm(x)) + b; "two_layer": W_1 act(W_0 norm(x) + b_0) + b_1;
        "three_layer": W_2 act(W_1 act(W_0 norm(x) + b_0) + b_1) + b_2: so many layers are under one shortcut;
        "post": act(norm(W x + b)), the layer of a Highway network (Srivastava et al. 2015).
      initializer: a name of `initializers.INITS`.
      scan: whether the blocks run in one compiled loop (`models.depth`).
      remat: whether activations are computed again in the backward pass, in place of kept.
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 8
    width: int = 32
    num_classes: int = 10
    skip: str = "identity"
    norm: str = "none"
    activation: str = "relu"
    block: str = "one_layer"
    initializer: str = "he"
    scan: bool = False
    remat: bool = False
    momentum: float = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, ...] to logits [N, num_classes]."""
        skip = skips.parse(self.skip)
        options = {name: getattr(self, name) for name in _SHARED}
        kernel = functools.partial(
            initializers.kernel,
            self.initializer,
            num_blocks=self.depth,
            branch_layers=BLOCKS[self.block],
        )
        bias = self.norm != "batch"
        stem = nn.Dense(self.width, use_bias=bias, kernel_init=kernel("stem"), name="stem")
        x = skips.split(skip, stem(images.reshape(images.shape[0], -1)), self.depth)
        x = depth.chain(
            lambda name, place: Block(
                num_blocks=self.depth, place=place, skip=skip, name=name, **options
            ),
            x,
            train,
            first=0,
            count=self.depth,
            scan=self.scan,
            remat=self.remat,
        )
        x = skips.merge(skip, x)
        if self.block != "post":
            x = norms.Norm(self.norm, self.momentum, name="norm_head")(x, train)
            x = activation_of(self.activation, self.depth, self.block)(x)
        return nn.Dense(self.num_classes, kernel_init=kernel("head"), name="head")(x)

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        skip = skips.parse(self.skip)
        if skip.stages is not None:
            raise ValueError(
                f"`skip` is {self.skip!r}, but an mlp has no stages. Choose its blocks by `every`."
            )
        depth.check(self.scan, skip)
        initializers.check(self.initializer, self.norm, skip, branch_layers=BLOCKS[self.block])
        if self.activation in shaping.SHAPED:
            self._check_shaped(skip)

    def _check_shaped(self, skip):
        plain = skip.skip.passes == "nothing"
        own = self.norm == "none" and self.initializer == "scaled_orthogonal"
        if not (plain and own):
            raise ValueError(
                f"`activation` {self.activation!r} is solved for plain networks whose weights keep the mean "
                "square: it needs skip='none', norm='none' and initializer='scaled_orthogonal'; got "
                f"skip={self.skip!r}, norm={self.norm!r} and initializer={self.initializer!r}."
            )
        activation_of(self.activation, self.depth, self.block)


def activation_of(name: str, num_blocks: int, block: str) -> shaping.Activation:
    """The nonlinearity of a network of so many blocks; most do not depend on them."""
    if name in _FIXED:
        return _FIXED[name]
    # One before each dense layer of a branch but the first, or before a single one; and the head's.
    in_block = max(BLOCKS[block] - 1, 1)
    return shaping.SHAPED[name](num_blocks * in_block + (block != "post"))


_SHARED = ("width", "block", "norm", "activation", "initializer", "momentum")

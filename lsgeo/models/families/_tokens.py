"""The block that networks on tokens share: one layer mixes tokens, one mixes channels, each has a skip.

`Block` is the transformer's with `Attention` as its first layer, and the MLP-Mixer's with an `Mlp`
across tokens. Activations are [N, T, C]: examples, tokens, channels.
"""

import functools
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import depth, initializers, norms, skips

BLOCKS = ("pre", "scaled", "post")
_OPTIONS = ("names", "choices", "mlp_ratio", "block", "norm", "initializer", "epsilon", "momentum")


class Mlp(nn.Module):
    """W_1 gelu(W_0 x + b_0) + b_1 over the channels, with the exact GELU; or across tokens.

    Attributes:
      hidden: units in between.
      kernel: kernel(role) -> initializer.
      bias: whether there is a b_1.
      across_tokens: whether the layers act on the tokens of each channel.
    """

    hidden: int
    kernel: Callable[[str], initializers.Initializer]
    bias: bool = True
    across_tokens: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, T, C] to [N, T, C]."""
        x = x.swapaxes(1, 2) if self.across_tokens else x
        h = nn.Dense(self.hidden, kernel_init=self.kernel("branch"), name="dense_0")(x)
        self.sow("intermediates", "preactivation", h)
        last = nn.Dense(
            x.shape[-1], use_bias=self.bias, kernel_init=self.kernel("last"), name="dense_1"
        )
        h = last(nn.gelu(h, approximate=False))
        return h.swapaxes(1, 2) if self.across_tokens else h


class Attention(nn.Module):
    """softmax(Q K' / sqrt(C / heads)) V for each head, then a dense layer (Vaswani et al. 2017, 3.2).

    Written out, without dropout: a fused kernel would have no second derivative.

    Attributes:
      heads: number of heads.
      kernel: kernel(role) -> initializer, of kernels [inputs, outputs].
      causal: whether a token sees those before it and itself alone.
      query_bias, key_bias, value_bias, bias: whether queries, keys, values and the output have one.
    """

    heads: int
    kernel: Callable[[str], initializers.Initializer]
    causal: bool = False
    query_bias: bool = False
    key_bias: bool = False
    value_bias: bool = False
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [N, T, C] to [N, T, C]."""
        length, width = x.shape[1:]
        query, key, value = (
            nn.DenseGeneral(
                (self.heads, width // self.heads),
                use_bias=getattr(self, f"{name}_bias"),
                kernel_init=self.kernel("branch"),
                name=name,
            )(x)
            for name in ("query", "key", "value")
        )
        mask = jnp.tril(jnp.ones((1, 1, length, length), bool)) if self.causal else None
        weights = nn.dot_product_attention_weights(query, key, mask=mask, deterministic=True)
        self.sow("intermediates", "weights", weights)
        return nn.DenseGeneral(
            width, axis=(-2, -1), use_bias=self.bias, kernel_init=self.kernel("last"), name="out"
        )(jnp.einsum("nhqk,nkhc->nqhc", weights, value))


class Block(nn.Module):
    """x = skip(x, F(norm(x))) ("pre") or x = norm(skip(x, F(x))) ("post"), for each of two layers F.

    "scaled" is "pre" with norm(x) / sqrt(l + 1) in block l (Sun et al. 2025, The curse of depth, section 4).

    It leaves "branch_0" and "stream_0" of the first layer, "branch_1" and "stream" of the second, and what
    these leave below their names: "attention/weights" [N, heads, T, T], "mlp/preactivation".

    Attributes:
      names: of the layers.
      mix: mix(kernel=, name=) -> the first layer.
      choices: skip type of each layer; with "rezero" for both they share its scalar.
      num_branches: branches of the network, two for each block.
      place: the block's number, None for any.
      mlp_ratio, block, norm, initializer, epsilon, momentum: those of the network.
    """

    names: tuple[str, str]
    mix: Callable[..., nn.Module]
    choices: tuple[skips.Choice, skips.Choice]
    num_branches: int
    place: int | None
    mlp_ratio: int
    block: str
    norm: str
    initializer: str
    epsilon: float
    momentum: float

    @nn.compact
    def __call__(self, x: jax.Array, index: jax.Array | int, train: bool) -> jax.Array:
        """Maps the stream [N, T, C], or the streams [n, N, T, C], to the next one."""
        kernel = functools.partial(
            initializers.kernel,
            self.initializer,
            num_blocks=self.num_branches,
            branch_layers=2,
        )
        # A bias that the next batch mean removes would be a dead parameter.
        bias = self.norm != "batch"
        hidden = self.mlp_ratio * x.shape[-1]
        layers = (
            self.mix(kernel=kernel, name=self.names[0]),
            Mlp(hidden, kernel, bias, name=self.names[1]),
        )
        for i, (layer, skip) in enumerate(zip(layers, self._skips(), strict=True)):
            norm = norms.Norm(self.norm, self.momentum, self.epsilon, name=f"norm_{i}")

            def branch(h, i=i, layer=layer, norm=norm):
                if self.block != "post":
                    h = norm(h, train)
                if self.block == "scaled":
                    h = h * jnp.asarray(1 + index, h.dtype) ** -0.5
                h = layer(h)
                self.sow("intermediates", f"branch_{i}", h)
                return h

            x = skip(x, branch, index=2 * index + i, train=train)
            if self.block == "post":
                x = norm(x, train)
            self.sow("intermediates", "stream" if i else "stream_0", x)
        return x

    def _skips(self):
        def made(choice, name):
            return choice.at(self.place, num_blocks=self.num_branches, name=name)

        first, second = self.choices
        if first == second and first.skip.shared_in_block:
            return [made(first, "skip")] * 2
        return [made(c, f"{n}_skip") for c, n in zip(self.choices, self.names, strict=True)]


class Network(nn.Module):
    """What the networks on tokens share; each has the attributes of `Block` but `mix` and `place`, and `depth`.

    Attributes:
      names: of the layers in a block; their skip types are the options NAME_skip, or where one is None `skip`.
    """

    names: ClassVar[tuple[str, str]]

    @property
    def choices(self) -> tuple[skips.Choice, skips.Choice]:
        """The skip types around the first layer of a block and around the second."""
        texts = (getattr(self, f"{name}_skip") for name in self.names)
        first, second = (skips.parse(self.skip if text is None else text) for text in texts)
        return first, second

    def kernel(self, role: str) -> initializers.Initializer:
        """The initial weights of a layer outside of the blocks."""
        return initializers.kernel(
            self.initializer, role, num_blocks=2 * self.depth, branch_layers=2
        )

    def run(self, x: jax.Array, train: bool, mix: Callable[..., nn.Module]) -> jax.Array:
        """Runs the blocks on tokens [N, T, C], and the norm behind all but "post" ones; in a compact method.

        Args:
          x: tokens [N, T, C].
          train: whether batch norm uses the statistics of the batch.
          mix: mix(kernel=, name=) -> the layer that mixes tokens.
        """
        options = {name: getattr(self, name) for name in _OPTIONS}
        first = self.choices[0]
        make = functools.partial(Block, mix=mix, num_branches=2 * self.depth, **options)
        x = depth.chain(
            lambda name, place: make(name=name, place=place),
            skips.split(first, x, 2 * self.depth),
            train,
            first=0,
            count=self.depth,
            scan=self.scan,
            remat=self.remat,
        )
        x = skips.merge(first, x)
        if self.block != "post":
            x = norms.Norm(self.norm, self.momentum, self.epsilon, name="norm_head")(x, train)
        return x

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        first, second = self.choices
        depth.check(self.scan, first)
        depth.check(self.scan, second)
        initializers.check(self.initializer, self.norm, first, second, branch_layers=2)
        if first.stages is not None or second.stages is not None:
            raise ValueError(
                "The skip names `stages`, but a network on tokens has none. Choose its blocks by `every`, or "
                "its layers by the options NAME_skip."
            )
        if (first.streams, first.skip.reader) != (second.streams, second.skip.reader):
            one, other = self.names
            raise ValueError(
                f"`{one}_skip` carries {first.streams} streams and `{other}_skip` {second.streams}; "
                "all skips of a network carry the same streams. Choose two types that do."
            )
        if self.block != "pre" and self.norm == "none":
            raise ValueError(
                f"`block` {self.block!r} says where the norm stands, but `norm` is 'none'. Set a norm, or "
                "block='pre'."
            )
        if self.block == "post" and first.streams > 1:
            raise ValueError(
                f"`block` 'post' normalises one stream, but the skip carries {first.streams}. Set "
                "block='pre', or another skip."
            )

"""Transformers: the vision transformer, and a decoder that predicts the next token."""

import functools
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models import norms
from lsgeo.models.families import _patches as patches
from lsgeo.models.families import _tokens as tokens

# Those that see one token at a time: others would let a token see those after it.
CAUSAL_NORMS = ("none", "layer", "rms")
_small = nn.initializers.normal(0.02)


class _Transformer(tokens.Network):
    names: ClassVar[tuple[str, str]] = ("attention", "mlp")

    def attention(self, causal):
        batch = self.norm == "batch"
        return functools.partial(
            tokens.Attention,
            self.heads,
            causal=causal,
            query_bias=self.qkv_bias,
            key_bias=self.qkv_bias,
            # What is the same in all tokens does not outlive a batch mean.
            value_bias=self.qkv_bias and not batch,
            bias=not batch,
        )

    def check(self) -> None:
        """Raises a ValueError for options that contradict each other."""
        if self.width % self.heads:
            raise ValueError(
                f"`heads` must divide `width`; got {self.heads} heads and the width {self.width}."
            )
        super().check()


class ViT(_Transformer):
    """Patches and a class token, `depth` blocks of attention and MLP, a dense head on the class token.

    Dosovitskiy et al. (2021), with learned positions; without dropout. Each block has two branches, so
    that L is 2 `depth` for the skip types that scale by it, and block l has the branches 2 l and 2 l + 1.

    Initial weights: "xavier" is the published choice (there uniform, here normal); positions and class
    token are N(0, 0.02^2), biases zero. "identity" makes queries, keys, values and outputs I + W / sqrt(L),
    so that a token attends to itself for the most part, and the MLP a rectangular identity.

    Attributes:
      depth: number of blocks.
      width: channels C of a token.
      heads: heads of the attention; divides `width`.
      patch: pixels on a side of a patch; divides the images' sides.
      num_classes: length of the logits.
      skip: a skip type of `lsgeo.models.skips`, for both layers of a block. With "rezero" they share
        one scalar (Bachlechner et al. 2021, section 4).
      attention_skip: the skip type around attention, where it is another one.
      mlp_skip: the skip type around the MLP, where it is another one.
      norm: a name of `norms.NORMS`.
      block: where the norm is, "pre": x + F(norm(x)), and once more before the head; "scaled": the same with
        norm(x) / sqrt(l + 1) in block l (Sun et al. 2025); "post": norm(x + F(x)).
      initializer: a name of `initializers.INITS`.
      mlp_ratio: hidden units of an MLP, as a multiple of `width`.
      qkv_bias: whether queries, keys and values have biases, as published. Those of the keys are dead
        parameters: they add the same number to all scores of a query, which softmax removes.
      epsilon: added to a norm's variance; published with 1e-6.
      scan: whether the blocks run in one compiled loop (`models.depth`).
      remat: whether activations are computed again in the backward pass, in place of kept.
      momentum: the fraction of the running batch statistics that a training step keeps.
    """

    depth: int = 4
    width: int = 32
    heads: int = 2
    patch: int = 2
    num_classes: int = 10
    skip: str = "identity"
    attention_skip: str | None = None
    mlp_skip: str | None = None
    norm: str = "layer"
    block: str = "pre"
    initializer: str = "xavier"
    mlp_ratio: int = 4
    qkv_bias: bool = False
    epsilon: float = norms.EPSILON
    scan: bool = False
    remat: bool = False
    momentum: float = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps images [N, H, W, C] to logits [N, num_classes]."""
        stem = nn.Dense(self.width, kernel_init=self.kernel("stem"), name="stem")
        x = stem(patches.cut(images, self.patch))
        first = self.param("class_token", _small, (self.width,), jnp.float32)
        first = jnp.broadcast_to(first.astype(x.dtype), (x.shape[0], 1, self.width))
        x = jnp.concatenate([first, x], 1)
        x = x + self.param("positions", _small, x.shape[1:], jnp.float32)[None]
        x = self.run(x, train, self.attention(causal=False))
        head = nn.Dense(self.num_classes, kernel_init=self.kernel("head"), name="head")
        return head(x[:, 0])


class Decoder(_Transformer):
    """A transformer whose tokens see those before them alone, and predict the next one.

    Embedding and learned positions, `depth` causal blocks, a dense head (its own weights, not those of
    the embedding) on every token. The embedding and the positions are N(0, 0.02^2); the rest is as in
    `ViT`. A batch has the tokens as "image" [N, T] and those that follow them as "label" [N, T].

    Attributes:
      num_classes: size of the vocabulary, of the input and of the logits.
      context: the most tokens of an input.
      norm: "none", "layer" or "rms"; the others would mix what comes later into a token.
      depth, width, heads, skip, attention_skip, mlp_skip, block, initializer, mlp_ratio, qkv_bias,
        epsilon, scan, remat: those of `ViT`.
    """

    depth: int = 4
    width: int = 32
    heads: int = 2
    num_classes: int = 16
    context: int = 64
    skip: str = "identity"
    attention_skip: str | None = None
    mlp_skip: str | None = None
    norm: str = "layer"
    block: str = "pre"
    initializer: str = "xavier"
    mlp_ratio: int = 4
    qkv_bias: bool = False
    epsilon: float = norms.EPSILON
    scan: bool = False
    remat: bool = False

    takes_tokens: ClassVar[bool] = True
    momentum: ClassVar[float] = norms.MOMENTUM

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Maps tokens [N, T], whole numbers, to the next one's logits [N, T, num_classes]."""
        if images.ndim != 2 or not jnp.issubdtype(images.dtype, jnp.integer):
            raise ValueError(
                "A decoder takes tokens [N, T], whole numbers; got an array of shape "
                f"{images.shape} and dtype {images.dtype}. For images take the model vit."
            )
        length = images.shape[1]
        if length > self.context:
            raise ValueError(
                f"`context` is {self.context} tokens, but the input has {length}. Create the model with a "
                "longer context, or cut the input."
            )
        embed = nn.Embed(self.num_classes, self.width, embedding_init=_small, name="embed")
        positions = self.param("positions", _small, (self.context, self.width), jnp.float32)
        x = embed(images) + positions[None, :length]
        x = self.run(x, train, self.attention(causal=True))
        return nn.Dense(self.num_classes, kernel_init=self.kernel("head"), name="head")(x)

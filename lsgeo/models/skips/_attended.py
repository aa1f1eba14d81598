"""Attention residuals: in place of their running sum, each layer reads a mixture of all earlier outputs."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models.skips.base import Branch, Index, Skip, straight

_EPSILON = 1e-5


class Mixture(nn.Module):
    """sum_i a_i v_i over the outputs v_i so far, a = softmax_i(w . v_i / rms(v_i)), at each position.

    The query w [C] is a parameter and starts at zero: at first all outputs have the same weight.
    """

    @nn.compact
    def __call__(self, outputs: jax.Array, count: jax.Array | int) -> jax.Array:
        """Maps outputs [n, N, ..., C], of which `count` are there, to [N, ..., C]."""
        query = self.param("query", nn.initializers.zeros, outputs.shape[-1:], jnp.float32)
        square = jnp.square(outputs).mean(-1, keepdims=True)
        keys = outputs * jax.lax.rsqrt(square + _EPSILON)
        scores = jnp.einsum("i...c,c->i...", keys, query.astype(outputs.dtype))
        there = jnp.arange(len(outputs), dtype=jnp.int32) < jnp.asarray(count, jnp.int32)
        there = there.reshape(-1, *(1,) * (scores.ndim - 1))
        weights = nn.softmax(jnp.where(there, scores, -jnp.inf), axis=0)
        self.sow("intermediates", "weights", weights)
        return jnp.einsum("i...,i...c->...c", weights, outputs)


class Attention(Skip):
    """v_{l+1} = F(sum_{i <= l} a_i v_i), a = softmax_i(w_l . v_i / rms(v_i)), v_0 what enters the first block.

    Attention Residuals (Kimi Team 2026, arXiv 2603.15031), the full form: layer l attends over the outputs of
    all layers before it with a query w_l of its own, and the head reads one more such mixture. The keys have no
    learned scale: it would be the query's. Here the outputs so far are the streams; a layer's output is
    nowhere added, so that the mixture of equal weights is what stands in for the stream at first.
    """

    passes = "part"
    learned = None
    reader = Mixture

    @property
    def streams(self) -> int:
        """Outputs that are kept: those of all layers, and their input."""
        return self.num_blocks + 1

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        branch: Branch,
        shortcut: Branch = straight,
        index: Index = 0,
        train: bool = False,
    ) -> jax.Array:
        """Maps the outputs [n, N, ..., C] so far to those with the next one."""
        read = Mixture(name="mixture")(x, index + 1)
        return x.at[index + 1].set(branch(read).astype(x.dtype))

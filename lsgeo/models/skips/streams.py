"""Skip types that carry several copies of the stream: hyper-connections, free and doubly stochastic.

The network's input is copied to n streams, and their sum is read out (`skips.split`, `skips.merge`). A
block reads one mixture of the streams, mixes them, and writes its branch to each. Where it changes the
shape, all streams go through its shortcut as one batch.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models.skips.base import Branch, Index, Skip, require, straight
from lsgeo.models.skips.learned import Mixing

_EPSILON = 1e-5
_GAIN = 0.01
_STRONG = 8.0


class _Streams(Skip):
    streams: int = 4
    dynamic: bool = False

    passes = "part"

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        branch: Branch,
        shortcut: Branch = straight,
        index: Index = 0,
        train: bool = False,
    ) -> jax.Array:
        """Maps the streams [n, N, ..., C] to the next ones; a single one has no leading axis."""
        x = x if self.streams > 1 else x[None]
        x = self.mixed(x, _each(shortcut, x), branch, index)
        return x if self.streams > 1 else x[0]


class Hyper(_Streams):
    """Hyper-connections: X' = A_r^T S(X) + B^T F(A_m^T X) (Zhu et al. 2025, section 2).

    X [n, C] are the streams of a position; A_r [n, n] mixes them, A_m [n] reads, B [n] writes. They
    start with A_r = I, B = 1 and A_m = e_{l mod n} for block l: then each stream is that of the network
    with "identity". The dynamic form (section 2.2) adds s_a tanh(norm(S(X)) W_r),
    s_a tanh(norm(X) W_m) and s_b tanh(norm(S(X)) W_b) at each position, with W zero and s 0.01 at first;
    norm divides by the root mean square over C, and a scale of its own would be W's.

    Attributes:
      streams: n.
      dynamic: whether the matrices depend on the input.
    """

    @property
    def learned(self) -> Mixing | None:
        """What mixes the streams, A_r^T, unless it depends on the input."""
        return None if self.dynamic else Mixing("mix", jnp.transpose)

    def mixed(self, x: jax.Array, kept: jax.Array, branch: Branch, index: Index) -> jax.Array:
        """Puts the streams, what the shortcut makes of them and the branch together; in a compact method."""
        n = self.streams
        mix = self.param("mix", lambda key: jnp.eye(n, dtype=jnp.float32))
        read = self.param("read", lambda key: jax.nn.one_hot(index % n, n, dtype=jnp.float32))
        write = self.param("write", lambda key: jnp.ones(n, jnp.float32))
        if self.dynamic:
            scale = self.param("scale", _gain)
            mix = _plus(mix, scale * self._moving("mix", kept, n))
            read = _plus(read, scale * self._moving("read", x, 1)[..., 0])
            move = self._moving("write", kept, 1)[..., 0]
            write = _plus(write, self.param("write_scale", _gain) * move)
        return _mixed(mix.swapaxes(-1, -2), kept) + _written(write, branch(_read(read, x)))

    def _moving(self, name, x, size):
        kernel = self.param(
            f"{name}_kernel", nn.initializers.zeros, (x.shape[-1], size), jnp.float32
        )
        normal = x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + _EPSILON)
        return jnp.moveaxis(jnp.tanh(jnp.einsum("...c,ck->...k", normal, kernel)), 0, -2)

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(self.streams >= 1, "streams", self.streams, "at least 1")


class ManifoldHyper(_Streams):
    """Manifold-constrained hyper-connections: X' = H_res S(X) + H_post^T F(H_pre X) (Xie et al. 2025).

    H_pre = sigmoid(a), H_post = 2 sigmoid(b) and H_res = sinkhorn(c), which is doubly stochastic: a
    product over many blocks neither grows nor loses the streams' mean. The dynamic form adds
    gate * norm(X) W to each of the logits a [n], b [n] and c [n, n] at each position, norm over all streams
    and channels, with W zero and the gates 0.01 at first.

    Attributes:
      streams: n, at least 2.
      dynamic: whether the matrices depend on the input.
      start: "published", a = e_{l mod n}, b = 1 and c = I as in a published implementation, which is *not*
        a residual network at first (n = 4: 0.475 on the diagonal of H_res); or "identity", a control
        that is one: H_post = 1, H_res nearly I, and H_pre nearly e_{l mod n} with the sum 1.
      iterations: of Sinkhorn's algorithm.
    """

    start: str = "published"
    iterations: int = 20

    @property
    def learned(self) -> Mixing | None:
        """What mixes the streams, H_res, unless it depends on the input."""
        matrix = functools.partial(sinkhorn, iterations=self.iterations)
        return None if self.dynamic else Mixing("res", matrix)

    def mixed(self, x: jax.Array, kept: jax.Array, branch: Branch, index: Index) -> jax.Array:
        """As that of `Hyper`."""
        n = self.streams
        pre, post, res = self._starts(index)
        pre, post, res = (
            self.param(name, lambda key, value=value: value.astype(jnp.float32))
            for name, value in (("pre", pre), ("post", post), ("res", res))
        )
        if self.dynamic:
            pre = _plus(pre, self._moving("pre", x, n))
            post = _plus(post, self._moving("post", kept, n))
            move = self._moving("res", kept, n * n)
            res = _plus(res, move.reshape(*move.shape[:-1], n, n))
        h = branch(_read(nn.sigmoid(pre), x))
        return _mixed(sinkhorn(res, self.iterations), kept) + _written(2 * nn.sigmoid(post), h)

    def _starts(self, index):
        n = self.streams
        chosen = jax.nn.one_hot(index % n, n)
        if self.start == "published":
            return chosen, jnp.ones(n), jnp.eye(n)
        rest = (n - 1) / (1 + math.exp(_STRONG))
        logit = math.log((1 - rest) / rest)
        return chosen * (logit + _STRONG) - _STRONG, jnp.zeros(n), _STRONG * jnp.eye(n)

    def _moving(self, name, x, size):
        shape = (x.shape[0], x.shape[-1], size)
        kernel = self.param(f"{name}_kernel", nn.initializers.zeros, shape, jnp.float32)
        normal = x * jax.lax.rsqrt(jnp.square(x).mean((0, -1), keepdims=True) + _EPSILON)
        return self.param(f"{name}_gate", _gain) * jnp.einsum("i...c,ick->...k", normal, kernel)

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(self.streams >= 2, "streams", self.streams, "at least 2")
        require(self.iterations >= 1, "iterations", self.iterations, "at least 1")
        known = self.start in ("published", "identity")
        require(known, "start", self.start, "'published' or 'identity'")


@functools.partial(jax.jit, static_argnames="iterations")
def sinkhorn(logits: jax.Array, iterations: int = 20) -> jax.Array:
    """Makes a matrix doubly stochastic: exp(logits), its columns and rows divided by their sums in turn.

    Sinkhorn and Knopp (1967), on logarithms. The rows come last: their sums are 1 to rounding, those of
    the columns as far as the iteration has converged.

    Args:
      logits: [..., n, n].
      iterations: passes over columns and rows.
    """

    def step(_, logits):
        logits = logits - jax.nn.logsumexp(logits, axis=-2, keepdims=True)
        return logits - jax.nn.logsumexp(logits, axis=-1, keepdims=True)

    return jnp.exp(jax.lax.fori_loop(0, iterations, step, logits))


def _gain(key):
    return jnp.asarray(_GAIN, jnp.float32)


def _plus(static, moving):
    return static.reshape((1,) * (moving.ndim - static.ndim) + static.shape) + moving


def _each(shortcut, x):
    n, examples = x.shape[:2]
    kept = shortcut(x.reshape(n * examples, *x.shape[2:]))
    return kept.reshape(n, examples, *kept.shape[1:])


def _mixed(matrix, x):
    return jnp.einsum("...ij,j...c->i...c", matrix, x)


def _read(weights, x):
    return jnp.einsum("...i,i...c->...c", weights, x)


def _written(weights, h):
    return jnp.einsum("...i,...c->i...c", weights, h)

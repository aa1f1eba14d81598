"""The base of all skip types, and those that scale the shortcut or the branch by numbers."""

import math
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

Branch = Callable[[jax.Array], jax.Array]


def straight(x: jax.Array) -> jax.Array:
    """The shortcut of a block that keeps the stream's shape."""
    return x


class Skip(nn.Module):
    """What all skip types share.

    A type is called as skip(x, branch, shortcut, index, train): x the stream [N, ..., C], `branch`
    and `shortcut` functions of it, `index` the block's number from 0 (traced in a scanned network).
    In the equations F is the branch and S the shortcut, S(x) = x where the shape stays.

    Attributes:
      num_blocks: blocks of the network, L; a class that has no use for it leaves it alone.
    """

    num_blocks: int = 1

    # Streams that the network carries between its blocks; a type with more has an attribute for it.
    streams: ClassVar[int] = 1
    # Whether it draws random numbers in training.
    is_random: ClassVar[bool] = False

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""


def require(holds: bool, option: str, value: object, what: str) -> None:
    """Raises a ValueError that says what an option must be, unless it holds."""
    if not holds:
        raise ValueError(f"`{option}` of the skip must be {what}; got {value!r}.")


def random(skip: Skip, train: bool) -> bool:
    """Whether a random skip draws: in training mode, with a key for the collection "dropout".

    Batch statistics are estimated in training mode and without a key, of the network as evaluated.
    """
    return train and skip.has_rng("dropout")


class NoSkip(Skip):
    """F(x): the plain twin. A shortcut's projection is not even built."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the branch alone."""
        return branch(x)


class Identity(Skip):
    """S(x) + F(x) (He et al. 2016, Deep residual learning, eq. 1)."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum."""
        return shortcut(x) + branch(x)


class Constant(Skip):
    """c S(x) + F(x), or c S(x) + (1 - c) F(x) (He et al. 2016, Identity mappings, section 3.1).

    Attributes:
      scale: c.
      convex: whether the branch is scaled by 1 - c.
    """

    scale: float = 0.5
    convex: bool = False

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the weighted sum."""
        return self.scale * shortcut(x) + (1 - self.scale if self.convex else 1) * branch(x)

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.scale), "scale", self.scale, "finite")
        inside = not self.convex or 0 <= self.scale <= 1
        require(inside, "scale", self.scale, "between 0 and 1 where convex=True")


class Scaled(Skip):
    """S(x) + F(x) / sqrt(L), the only non-trivial scale for independent weights (Hayou et al. 2021)."""

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the branch scaled down."""
        return shortcut(x) + branch(x) * self.num_blocks**-0.5


class Gated(Skip):
    """g S(x) + F(x), g a number from outside: how much skip does the network need?

    g is a variable of the collection "gates", not a parameter: `models.set_gates` changes it after
    or during training, block by block if wanted, and nothing is compiled again.

    Attributes:
      gate: the value that g starts with; 1 is the identity skip, 0 the plain network.
    """

    gate: float = 1.0

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the shortcut times the gate."""
        gate = self.variable("gates", "gate", lambda: jnp.asarray(self.gate, jnp.float32)).value
        return gate.astype(x.dtype) * shortcut(x) + branch(x)

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.gate), "gate", self.gate, "finite")


class ReZero(Skip):
    """S(x) + alpha F(x), alpha a parameter that starts at 0 (Bachlechner et al. 2021).

    Each block has its own alpha. In a transformer the two halves of a block share it, as in the paper.
    """

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the branch times alpha."""
        return shortcut(x) + self.param("alpha", _filled(0.0), ()) * branch(x)


class SkipInit(Skip):
    """S(x) + alpha F(x), alpha a parameter that starts at 0 or at 1 / sqrt(L) (De and Smith 2020).

    For networks without normalisation.

    Attributes:
      inverse_root: whether alpha starts at 1 / sqrt(L).
    """

    inverse_root: bool = False

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the branch times alpha."""
        start = self.num_blocks**-0.5 if self.inverse_root else 0.0
        return shortcut(x) + self.param("alpha", _filled(start), ()) * branch(x)


class LayerScale(Skip):
    """S(x) + gamma * F(x), gamma a parameter [C], one number per channel (Touvron et al. 2021).

    Attributes:
      start: value that gamma starts with; the paper goes from 1e-1 to 1e-6 as networks get deeper.
    """

    start: float = 1e-4

    @nn.compact
    def __call__(self, x, branch, shortcut=straight, index=0, train=False):
        """Returns the sum with the branch's channels times gamma."""
        h = branch(x)
        gamma = self.param("gamma", _filled(self.start), h.shape[-1:])
        return shortcut(x) + gamma.reshape((1,) * (h.ndim - 1) + (-1,)) * h

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.start), "start", self.start, "finite")


def _filled(value):
    return lambda key, shape: jnp.full(shape, value, jnp.float32)

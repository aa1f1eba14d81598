"""Skip types that scale the shortcut or the branch by numbers."""

import math

import jax
import jax.numpy as jnp

from lsgeo.models.skips.base import Index, Output, Skip, require
from lsgeo.models.skips.learned import Weight


class NoSkip(Skip):
    """F(x): the plain twin. A shortcut's projection is not even built."""

    passes = "nothing"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the branch alone."""
        return branch()


class Identity(Skip):
    """S(x) + F(x) (He et al. 2016, Deep residual learning, eq. 1)."""

    passes = "stream"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum."""
        return shortcut() + branch()


class Constant(Skip):
    """c S(x) + F(x), or c S(x) + (1 - c) F(x) (He et al. 2016, Identity mappings, section 3.1).

    Attributes:
      scale: c.
      convex: whether the branch is scaled by 1 - c.
    """

    scale: float = 0.5
    convex: bool = False

    passes = "part"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the weighted sum."""
        return self.scale * shortcut() + (1 - self.scale if self.convex else 1) * branch()

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.scale), "scale", self.scale, "finite")
        inside = not self.convex or 0 <= self.scale <= 1
        require(inside, "scale", self.scale, "between 0 and 1 where convex=True")


class Scaled(Skip):
    """S(x) + F(x) / L^a; a = 1/2 is the only non-trivial scale for independent weights (Hayou et al. 2021).

    Attributes:
      power: a.
    """

    power: float = 0.5

    passes = "stream"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch scaled down."""
        return shortcut() + branch() * self.num_blocks**-self.power

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(0 <= self.power < math.inf, "power", self.power, "at least 0 and finite")


class Gated(Skip):
    """g S(x) + F(x), g a number from outside: how much skip does the network need?

    g is a variable of the collection "gates", not a parameter: `models.set_gates` changes it after
    or during training, block by block if wanted, and nothing is compiled again.

    Attributes:
      gate: the value that g starts with; 1 is the identity skip, 0 the plain network.
    """

    gate: float = 1.0

    passes = "part"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the shortcut times the gate."""
        gate = self.variable("gates", "gate", lambda: jnp.asarray(self.gate, jnp.float32)).value
        kept = shortcut()
        return gate.astype(kept.dtype) * kept + branch()

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.gate), "gate", self.gate, "finite")


class ReZero(Skip):
    """S(x) + alpha F(x), alpha a parameter that starts at 0 (Bachlechner et al. 2021).

    Each block has its own alpha. In a transformer the two halves of a block share it, as in the paper
    (section 4).
    """

    passes = "stream"
    learned = Weight("alpha")
    starts_closed = True
    shared_in_block = True

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch times alpha."""
        return shortcut() + self.param("alpha", _filled(0.0), ()) * branch()


class SkipInit(Skip):
    """S(x) + alpha F(x), alpha a parameter that starts at 0 or at 1 / sqrt(L) (De and Smith 2020).

    For networks without normalisation.

    Attributes:
      inverse_root: whether alpha starts at 1 / sqrt(L).
    """

    inverse_root: bool = False

    passes = "stream"
    learned = Weight("alpha")

    @property
    def starts_closed(self) -> bool:
        """Whether alpha starts at 0."""
        return not self.inverse_root

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch times alpha."""
        start = self.num_blocks**-0.5 if self.inverse_root else 0.0
        return shortcut() + self.param("alpha", _filled(start), ()) * branch()


class LayerScale(Skip):
    """S(x) + gamma * F(x), gamma a parameter [C], one number per channel (Touvron et al. 2021).

    Attributes:
      start: value that gamma starts with; the paper goes from 1e-1 to 1e-6 as networks get deeper.
    """

    start: float = 1e-4

    passes = "stream"
    learned = Weight("gamma")

    @property
    def starts_closed(self) -> bool:
        """Whether gamma starts at 0."""
        return self.start == 0

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch's channels times gamma."""
        h = branch()
        gamma = self.param("gamma", _filled(self.start), h.shape[-1:])
        return shortcut() + gamma.reshape((1,) * (h.ndim - 1) + (-1,)) * h

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.start), "start", self.start, "finite")


def _filled(value):
    return lambda key, shape: jnp.full(shape, value, jnp.float32)

"""Skip types with a gate or a matrix of their own, and random ones."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models.initializers import he_normal
from lsgeo.models.skips.base import Index, Output, Skip, random, require
from lsgeo.models.skips.learned import Opening


class Highway(Skip):
    """T F(x) + (1 - T) S(x), T = sigmoid(W S(x) + b) (Srivastava et al. 2015, Highway networks, eq. 3).

    W is a dense layer over the channels of each position, N(0, 1 / C): in a convolutional network a
    1x1 convolution. Across stages it reads S(x), which has the new shape.

    Attributes:
      bias: value that b starts with; the paper takes -1 to -4, lower for deeper networks.
    """

    bias: float = -2.0

    passes = "part"
    learned = Opening("gate")

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the mixture of branch and shortcut."""
        kept = shortcut()
        gate = _gate(kept, self.bias)
        return gate * branch() + (1 - gate) * kept

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(math.isfinite(self.bias), "bias", self.bias, "finite")


class ExclusiveGate(Highway):
    """g F(x) + (1 - g) S(x), g = sigmoid(W S(x) + b) (He et al. 2016, Identity mappings, section 3.1).

    The equation of "highway" with the bias of ResNet-110.

    Attributes:
      bias: value that b starts with; 0 to -5 failed in the paper, -6 was best.
    """

    bias: float = -6.0


class ShortcutGate(Highway):
    """F(x) + (1 - g) S(x), g = sigmoid(W S(x) + b) (He et al. 2016, Identity mappings, section 3.1).

    Attributes:
      bias: value that b starts with.
    """

    bias: float = -6.0

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the shortcut gated."""
        kept = shortcut()
        return branch() + (1 - _gate(kept, self.bias)) * kept


class Projection(Skip):
    """W S(x) + F(x), a 1x1 convolution on every shortcut (He et al. 2016, Identity mappings, 3.1).

    W has no bias and is N(0, 2 / C), the paper's, whose sum goes through a ReLU; without one it doubles
    the stream's second moment in each block.
    """

    passes = "part"
    learned = None

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the shortcut times W."""
        kept = shortcut()
        dense = nn.Dense(kept.shape[-1], use_bias=False, kernel_init=he_normal, name="projection")
        return dense(kept) + branch()


class Dropout(Skip):
    """dropout(S(x)) + F(x) (He et al. 2016, Identity mappings, section 3.1).

    Training mode with a key for the collection "dropout" zeroes numbers of the shortcut and divides the
    others by 1 - rate; otherwise it is the identity skip.

    Attributes:
      rate: probability of a zero.
    """

    rate: float = 0.5

    passes = "part"
    learned = None
    is_random = True

    @property
    def share(self) -> float:
        """Share of the shortcut's numbers that a training step lets through."""
        return 1.0 - self.rate

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with dropout on the shortcut."""
        dropout = nn.Dropout(self.rate, deterministic=not random(self, train))
        return dropout(shortcut()) + branch()

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(0 <= self.rate < 1, "rate", self.rate, "at least 0 and less than 1")


class StochasticDepth(Skip):
    """S(x) + b F(x), b = 1 with probability p_l, else 0 (Huang et al. 2016, section 3).

    p_l = 1 - (l + 1) / L (1 - p_L) for block l from 0. One draw per block and mini-batch, in training
    mode with a key for the collection "dropout"; otherwise S(x) + p_l F(x), the mean. The branch of a
    dropped block is computed all the same, and its batch norm sees the mini-batch: time is not saved.

    Attributes:
      survival: p_L, that of the last block.
    """

    survival: float = 0.5

    passes = "stream"
    learned = None
    is_random = True

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Returns the sum with the branch dropped, or scaled by its probability."""
        kept, h = shortcut(), branch()
        probability = 1 - (index + 1) / self.num_blocks * (1 - self.survival)
        if random(self, train):
            probability = jax.random.bernoulli(self.make_rng("dropout"), probability)
        return kept + jnp.asarray(probability, h.dtype) * h

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""
        require(0 < self.survival <= 1, "survival", self.survival, "over 0 and at most 1")


def _gate(kept, bias):
    kernel = functools.partial(he_normal, scale=2**-0.5)
    start = nn.initializers.constant(bias)
    return nn.sigmoid(
        nn.Dense(kept.shape[-1], kernel_init=kernel, bias_init=start, name="gate")(kept)
    )

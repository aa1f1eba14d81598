"""Which path lengths carry the gradient of a residual network?

A chain of n residual blocks x + F_l(x) has 2^n paths, one for each choice of blocks that are passed
through their branch (Veit et al. 2016). The gradient is a sum over paths; grouped by length k, the
number of branches on the path, it is a sum of n + 1 parts that are computed exactly here, by carrying
them side by side through the backward pass: n (n + 1) / 2 products with a branch's Jacobian.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees


@trees.frozen
class PathEnergies:
    """Share of the gradient's energy by path length; see `gradient_path_energies`."""

    shares: np.ndarray  # (n + 1,), ||part of length k||^2 over the sum of all
    energy: float  # sum over the lengths of ||part||^2
    interference: float  # ||sum of the parts||^2 / sum of ||part||^2; 1 where they are orthogonal
    num_products: int

    @property
    def mean_length(self) -> float:
        """Mean path length, weighted by energy."""
        return float(self.shares @ np.arange(len(self.shares)))

    def divergence(self, law: np.ndarray) -> float:
        """Kullback-Leibler divergence of the shares from a law of the lengths, in nats."""
        there = self.shares > 0
        with np.errstate(divide="ignore"):
            ratios = np.log(self.shares[there] / np.asarray(law)[there])
        return float(self.shares[there] @ ratios)

    def __str__(self) -> str:
        return (
            f"mean path length {self.mean_length:.3g} of {len(self.shares) - 1} blocks, "
            f"interference {self.interference:.3g}"
        )


def path_length_law(gains: Sequence[float]) -> np.ndarray:
    """The law of the path length where branch l multiplies the energy by gains[l], independently.

    Poisson-binomial with p_l = gains[l] / (1 + gains[l]). Gains of 1 count paths, Binomial(n, 1/2)
    (Veit et al. 2016); a Gaussian linear branch of variance a^2 has gain a^2; batch norm at
    initialisation gives block l = 1, 2, ... the gain 1 / l (De and Smith 2020).

    Args:
      gains: a number of at least 0 for each block.

    Returns:
      Probabilities of the lengths 0 ... n.

    >>> path_length_law([1.0, 1.0]).tolist()
    [0.25, 0.5, 0.25]
    """
    gains = np.asarray(gains, np.float64)
    if gains.ndim != 1 or not np.all(gains >= 0) or not np.all(np.isfinite(gains)):
        raise ValueError(
            f"`gains` must be a list of finite numbers of at least 0, one for each block; got {gains}."
        )
    law = np.ones(1)
    for gain in gains:
        law = np.convolve(law, [1 / (1 + gain), gain / (1 + gain)])
    return law


def gradient_path_energies(
    branches: Sequence[Callable[[jax.Array], jax.Array]], x: jax.Array, cotangent: Any
) -> PathEnergies:
    """Splits the gradient at the bottom of a residual chain by path length.

    The stream is x_{l+1} = x_l + F_l(x_l); a network whose stream is not a pure sum (a ReLU after the
    addition) has no such paths.

    Args:
      branches: F_l, functions of the stream that keep its shape.
      x: the stream below the first block.
      cotangent: gradient of the loss with respect to the stream above the last block, an array like x,
        or a function of that stream that gives it.

    Returns:
      PathEnergies.

    Raises:
      ValueError: for no branch, or one that changes the stream's shape.
    """
    if not branches:
        raise ValueError("`branches` must hold at least one function of the stream; got none.")
    pullbacks = []
    for number, branch in enumerate(branches):
        out, pullback = jax.vjp(branch, x)
        if out.shape != x.shape:
            raise ValueError(
                f"`branches` must keep the stream's shape; number {number} maps {x.shape} to {out.shape}."
            )
        pullbacks.append(pullback)
        x = x + out
    parts = jnp.asarray(cotangent(x) if callable(cotangent) else cotangent)[None]
    for pullback in reversed(pullbacks):
        through = jax.vmap(lambda g, pull=pullback: pull(g)[0])(parts)
        empty = jnp.zeros_like(parts[:1])
        parts = jnp.concatenate([parts, empty]) + jnp.concatenate([empty, through])
    parts = np.asarray(parts, np.float64).reshape(len(pullbacks) + 1, -1)
    energies = (parts**2).sum(1)
    total = energies.sum()
    n = len(pullbacks)
    whole = (parts.sum(0) ** 2).sum()
    return PathEnergies(energies / total, float(total), float(whole / total), n * (n + 1) // 2)

"""Linear dependence of the hidden units' activations, the third singularity."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from lsgeo import trees


@trees.frozen
class LinearDependence:
    """How far the activations of a layer's units are from depending on one another; see `linear_dependence`."""

    singular_values: np.ndarray  # (min(N, n),), descending, of the columns scaled to length 1
    unexplained: np.ndarray  # (n,), distance of each unit from the span of the others; NaN if dead
    rank: int  # of the activations, to rounding
    num_examples: int

    @property
    def dead(self) -> int:
        """Units that are zero on all examples."""
        return int(np.sum(np.isnan(self.unexplained)))

    @property
    def effective_rank(self) -> float:
        """(sum s^2)^2 / sum s^4: the number of directions that hold the activations."""
        squares = self.singular_values**2
        total = squares.sum()
        return float(total**2 / np.sum(squares**2)) if total else 0.0

    def __str__(self) -> str:
        alive = self.unexplained[~np.isnan(self.unexplained)]
        least = f"{alive.min():.3g}" if len(alive) else "none"
        return (
            f"linear dependence of {len(self.unexplained)} units on {self.num_examples} examples: rank "
            f"{self.rank}, effective rank {self.effective_rank:.3g}, {self.dead} dead, least share of a "
            f"unit that others do not explain {least}"
        )


def linear_dependence(activations: Any) -> LinearDependence:
    """Measures how linearly dependent the units of a layer are on given examples.

    Where the activations h of some units satisfy sum_j c_j h_j = 0 on the data, their outgoing weights can
    move along c for nothing: the linear dependence singularity of Orhan and Pitkow (2018). Every unit's
    activations are first scaled to length 1 over the examples, so that the figures are invariant under
    rescaling units; they are not centred: that a unit may stand for the next layer's bias is not counted.

    `unexplained` is the distance of a unit's scaled activations from the span of all others, 1 / sqrt(G^-1_jj)
    for G their Gram matrix: 0 if the others determine it on these examples, 1 if it is orthogonal to them. With
    fewer examples than units every unit is determined.

    Args:
      activations: [N, ..., n], units on the last axis; positions count as examples.

    Returns:
      LinearDependence.

    Raises:
      ValueError: if the activations are not finite, or have fewer than two axes.
    """
    given = np.asarray(activations)
    if given.ndim < 2 or not given.size or not jnp.issubdtype(given.dtype, jnp.floating):
        raise ValueError(
            f"`activations` must be a real array [N, ..., units]; got {given.dtype}{list(given.shape)}."
        )
    if not np.isfinite(given).all():
        raise ValueError("`activations` has a NaN or an infinity. Pass those of a sound network.")
    rows = given.reshape(-1, given.shape[-1]).astype(np.float64)
    norms = np.linalg.norm(rows, axis=0)
    alive = norms > 0
    scaled = rows[:, alive] / norms[alive]
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    # What the activations' own precision leaves, not that of this computation.
    floor = max(scaled.shape) * jnp.finfo(given.dtype).eps * values.max(initial=0)
    rank = int(np.sum(values > floor))
    unexplained = np.full(len(norms), np.nan)
    unexplained[alive] = _distances(values, vectors, rank)
    return LinearDependence(values, unexplained, rank, len(rows))


def _distances(values, vectors, rank):
    if not rank:
        return np.zeros(vectors.shape[1])
    inside = np.sum(vectors[:rank] ** 2, axis=0)
    precise = 1 / np.sqrt(np.sum((vectors[:rank] / values[:rank, None]) ** 2, axis=0))
    # A unit with a part in the null space is a combination of others.
    return np.where(inside > 1 - 1e-9, precise, 0.0)

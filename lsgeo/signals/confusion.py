"""Gradient confusion: do examples pull the parameters in opposite directions?"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_fraction, check_key


@trees.frozen
class GradientConfusion:
    """Cosines between the gradients of single examples; see `gradient_confusion`."""

    cosines: np.ndarray  # (N (N - 1) / 2,), of all pairs, ascending
    quantile: float  # the probability that `value` belongs to
    value: float
    lower: float
    upper: float
    confidence: float

    def __str__(self) -> str:
        return (
            f"{100 * self.quantile:g} % quantile of the cosines {self.value:.3g} in [{self.lower:.3g}, "
            f"{self.upper:.3g}], median {np.median(self.cosines):.3g}"
        )


@accepts(params=as_params, batch=as_arrays)
def gradient_confusion(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any,
    *,
    key: jax.Array,
    quantile: float = 0.05,
    confidence: float = 0.95,
    num_resamples: int = 1000,
) -> GradientConfusion:
    """Measures a low quantile of the cosines between per-example gradients.

    Strongly negative cosines slow SGD down; depth makes them worse, width and skips with a norm better
    (Sankararaman et al. 2020, definition 2.1, there for inner products). The interval is a percentile
    bootstrap over examples: pairs that share one are not independent.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating arrays.
      batch: pytree with the N examples on the leading axis; their gradients are all held at once.
      key: typed random key of the resamples.
      quantile: in (0, 1).
      confidence: coverage of the interval, over draws of the examples.
      num_resamples: of the bootstrap.

    Returns:
      GradientConfusion.

    Raises:
      ValueError: for fewer than three examples.
    """
    check_key(key)
    check_fraction(quantile, "quantile")
    check_fraction(confidence, "confidence")
    num = jax.tree.leaves(batch)[0].shape[0]
    if num < 3:
        raise ValueError(f"`batch` must hold at least 3 examples to compare; got {num}.")
    batch = jax.tree.map(jnp.asarray, batch)
    one = jax.tree.map(lambda leaf: leaf[:1], batch)
    loss = programs.traced(loss, "loss", params, one)
    space = trees.space_of(params)
    rows = []
    for i in range(num):
        one = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], batch)
        rows.append(np.asarray(trees.ravel(space, _gradient(loss, params, one)), np.float64))
    rows = np.stack(rows)
    norms = np.linalg.norm(rows, axis=1)
    with np.errstate(invalid="ignore"):
        unit = rows / norms[:, None]
    matrix = unit @ unit.T
    upper = np.triu_indices(num, 1)
    cosines = np.sort(matrix[upper])
    draws = np.asarray(jax.random.randint(key, (num_resamples, num), 0, num))
    # A resample of one example over and over has no pair.
    values = [_quantile(matrix, draw, quantile) for draw in draws if len(np.unique(draw)) > 1]
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    value = float(np.quantile(cosines, quantile))
    return GradientConfusion(cosines, quantile, value, float(low), float(high), confidence)


@jax.jit
def _gradient(loss, params, batch):
    return jax.grad(loss)(params, batch)


def _quantile(matrix, draw, quantile):
    # Copies of one example would count its cosine with itself: left out.
    rows, columns = np.triu_indices(len(draw), 1)
    apart = draw[rows] != draw[columns]
    return np.quantile(matrix[draw[rows[apart]], draw[columns[apart]]], quantile)

"""Random sign vectors and what the randomised estimators compute with them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.operators.base import LinearOperator

ROUNDING = 4.0  # standard deviations of the noise that a bias allows for


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def rademacher(key: jax.Array, first: int, count: int, n: int, dtype: Any) -> jax.Array:
    """Draws the sign vectors `first` to `first` + `count` - 1 of the sequence of `key`, shape [count, n]."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))
    return jax.vmap(lambda k: jax.random.rademacher(k, (n,), dtype))(keys)


@jax.jit
def rowwise_dot(a: jax.Array, b: jax.Array) -> jax.Array:
    """Inner products of the rows of two matrices [k, n], shape [k]."""
    return jnp.einsum("ij,ij->i", a, b, precision=trees.HIGHEST)


@jax.jit
def row_norms(rows: jax.Array) -> jax.Array:
    """Euclidean norms of the rows of a matrix [k, n], shape [k]."""
    return jax.vmap(trees.norm)(rows)


def mean_and_error(samples: np.ndarray) -> tuple[float, float]:
    """Mean of independent samples [k, ...] and its standard error; NaN for a single one."""
    count = len(samples)
    if count == 1:
        return samples.mean(axis=0), np.full(samples.shape[1:], np.nan)[()]
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(count)


def degrees_of_freedom(samples: np.ndarray) -> float:
    """How well a sample variance is known, as degrees of freedom for Student's quantile.

    Few dominant eigenvalues give quadratic forms a heavy tail: the variance of s^2 is (kurtosis / m + 2 /
    (m - 1)) s^4, where a Gaussian has 2 / (m - 1) alone; it is matched to a chi-squared variable
    (Satterthwaite 1946).
    """
    count = len(samples)
    if count < 4 or not samples.std() > 0:
        return float(count - 1)
    standard = (samples - samples.mean()) / samples.std()
    excess = max(0.0, float(stats.kurtosis(standard, bias=False)))
    return 2 / (excess / count + 2 / (count - 1))


def rounding(op: LinearOperator, sizes: np.ndarray, terms: np.ndarray) -> float:
    """Bounds the rounding of a trace from the norms of the probes' images and the terms summed exactly."""
    size = np.sqrt(np.mean(np.asarray(sizes, np.float64) ** 2))
    return ROUNDING * float(op.noise) * float(size + np.abs(terms).sum())


def check_products(values: np.ndarray) -> None:
    """Raises a ValueError unless what came of the products is finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            "the product of `op` was not finite. Check the parameters and data for NaN."
        )

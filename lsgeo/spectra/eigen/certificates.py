"""Negative curvature with a certificate."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction, check_key
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.eigen.eigenpairs import EigenPairs, extreme_eigenpairs
from lsgeo.spectra.krylov import _spherical, lanczos


@trees.frozen
class NegativeCurvature:
    """How negative the lowest eigenvalue is: `lower_bound` <= lambda_min <= `value`.

    The right inequality is certain up to `noise`; the left one fails with probability
    `failure_probability`.
    """

    value: float
    vector: Any  # like params, unit norm
    residual: float
    lower_bound: float
    upper_end: float  # highest Ritz value: lambda_max is no lower
    upper_bound: float  # lambda_max is no higher, in the same event as lower_bound
    failure_probability: float
    noise: float
    num_matvecs: int

    @property
    def certified(self) -> bool:
        """Whether a direction of negative curvature beyond rounding was found."""
        return bool(self.value < -self.noise)

    def __str__(self) -> str:
        return (
            f"lambda_min in [{self.lower_bound:.4g}, {self.value:.4g}] with probability "
            f"{1 - self.failure_probability:g} ({self.num_matvecs} products)"
        )


@watched
def negative_curvature(
    op: LinearOperator, *, key: jax.Array, failure_probability: float = 0.01, num_steps: int = 64
) -> NegativeCurvature:
    """Brackets the lowest eigenvalue of a symmetric operator.

    The upper side is a Rayleigh quotient. The lower side follows from Kuczynski and Wozniakowski 1992, Theorem
    4.2: k Lanczos steps from a random start miss an end of the spectrum by more than epsilon times its
    range with probability at most 1.648 sqrt(n) exp(-(2k - 1) sqrt(epsilon)). The event covers both ends,
    each with half the failure probability, because the range itself is estimated.

    Args:
      op: symmetric operator on [n].
      key: typed random key for the start vector.
      failure_probability: probability that `lower_bound` does not hold.
      num_steps: Lanczos steps; of an operator of at most `num_steps` rows the spectrum is taken whole, and the
        bracket is rounding.

    Returns:
      NegativeCurvature in the units of op; `lower_bound` is -inf where too few steps were taken to say.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, negative_curvature
      >>> found = negative_curvature(dense(jnp.diag(jnp.array([-2.0, 1.0]))), key=jax.random.key(0))
      >>> round(found.value, 4), found.certified
      (-2.0, True)
    """
    check_operator(op)
    check_key(key)
    check_fraction(failure_probability, "failure_probability")
    check_count(num_steps, "num_steps")
    n = op.shape[0]
    if n <= num_steps:
        return _exact(op, key, failure_probability)
    expect(num_steps + 1)
    state = lanczos.extend(op, lanczos.start(op, key=key), num_steps)
    rule = state.rule
    connected = lanczos.Tridiagonal(*(part[: rule.num_connected] for part in rule))
    values, vectors = connected.eigh()
    coefficients = np.zeros(len(state.basis))
    coefficients[: len(values)] = vectors[:, 0]
    vector = _combine(jnp.asarray(coefficients, op.dtype), state.basis)
    quotient = np.asarray(_quotient(vector, op.flat_product(vector)), np.float64)
    value, residual = map(float, quotient)
    noise = float(op.noise) * np.abs(values).max()
    # After a breakdown a random start has met every distinct eigenvalue: nothing is missed.
    complete = rule.num_connected < num_steps
    width = np.ptp(values)
    missed = 0.0 if complete else _spherical.missed(n, num_steps, width, failure_probability)
    margin = missed + noise
    return NegativeCurvature(
        value=value,
        vector=trees.unravel(op.space, vector),
        residual=residual,
        lower_bound=float(values[0] - margin),
        upper_end=float(values[-1]),
        upper_bound=float(values[-1] + margin),
        failure_probability=failure_probability,
        noise=noise,
        num_matvecs=num_steps + 1,
    )


def _exact(op, key, failure_probability):
    pairs: EigenPairs = extreme_eigenpairs(op, key=key, basis_size=max(64, op.shape[0]))
    lowest, highest = float(pairs.values[0]), float(pairs.values[-1])
    error = float(pairs.residuals.max())
    return NegativeCurvature(
        value=lowest,
        vector=jax.tree.map(lambda leaf: leaf[0], pairs.vectors),
        residual=float(pairs.residuals[0]),
        lower_bound=lowest - error,
        upper_end=highest,
        upper_bound=highest + error,
        failure_probability=failure_probability,
        noise=pairs.noise,
        num_matvecs=pairs.num_matvecs,
    )


@jax.jit
def _combine(coefficients, basis):
    v = jnp.matmul(coefficients, basis, precision=trees.HIGHEST)
    return v / trees.norm(v)


@jax.jit
def _quotient(v, hv):
    value = jnp.vdot(v, hv, precision=trees.HIGHEST)
    return jnp.stack([value, trees.norm(hv - value * v)])

"""Sums of a function over a spectrum: the trace of a function of an operator."""

from collections.abc import Callable

import jax
import numpy as np
from scipy import linalg

from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.densities._radau import radau
from lsgeo.spectra.krylov import lanczos, probes


class NotFiniteError(ValueError):
    """The function is not finite at a Ritz value."""


@watched
def spectral_sum(
    op: LinearOperator,
    function: Callable[[np.ndarray], np.ndarray],
    *,
    key: jax.Array,
    num_probes: int = 16,
    num_steps: int = 32,
    lowest: float | None = None,
) -> Estimate:
    """Estimates tr f(op), the sum of f over the eigenvalues of a symmetric operator.

    Stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017). The standard error comes from the spread of the
    probes; `bias` is what the quadrature leaves open, so that `interval()` holds both. Where the derivatives
    of f alternate in sign above `lowest`, as those of 1 / x, exp(-x), log x and sqrt x do, the rules of Gauss
    and of Gauss and Radau, with a node at `lowest`, enclose each probe's value (Golub and Meurant 1994): the
    estimate is midway and half the gap a bound for any number of steps. Without `lowest` the estimate is
    Gauss's, and its distance from the rule of half the steps stands for the error, which has fallen since.

    Args:
      op: symmetric operator on [n].
      function: f, called as f(eigenvalues [m]) -> [m] with NumPy arrays in the units of op.
      key: typed random key; the probes are uniform on the sphere.
      num_probes: independent start vectors.
      num_steps: Lanczos steps per probe; at most n are taken.
      lowest: a number that no eigenvalue of op lies below, known beforehand. Where f is infinite there, Gauss's
        rule is returned, with bias inf.

    Returns:
      Estimate of tr f(op); one probe has standard error NaN.

    Raises:
      ValueError: if an argument is out of range, a product is not finite, or f is not at a Ritz value.

    Example:
      >>> import jax, jax.numpy as jnp, numpy as np
      >>> from lsgeo import dense, spectral_sum
      >>> round(spectral_sum(dense(2.0 * jnp.eye(3)), np.exp, key=jax.random.key(0)).value, 4)  # 3 exp 2
      22.1672
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    n = op.shape[0]
    steps = min(num_steps, n)
    expect(num_probes * steps)
    rules = lanczos.rules(op, key, num_probes, steps)
    own, other = n * np.array([_two_rules(rule, function, lowest) for rule in rules]).T
    enclosed = lowest is not None and np.isfinite(other).all()
    value, error = probes.mean_and_error(samples := (own + other) / 2 if enclosed else own)
    gap = float(np.mean(np.abs(own - other))) / (1 if lowest is None else 2)
    freedom = probes.degrees_of_freedom(samples)
    return Estimate(float(value), float(error), num_probes * steps, freedom, gap)


def _two_rules(rule, function, lowest):
    """One probe's value by Gauss's rule, and by the one that tells how far off it may be."""
    m = rule.num_connected
    alphas, betas = rule.alphas[:m], rule.betas[:m]
    nodes, weights = _gauss(alphas, betas[:-1])
    values = function(nodes)
    if np.shape(values) != (m,) or not np.isfinite(values).all():
        raise NotFiniteError(
            f"`function` must give one finite number for each eigenvalue; got {values} at {nodes}."
        )
    own = weights @ values
    if betas[-1] == 0:
        return own, own
    if lowest is None:
        half = m // 2
        nodes, weights = (
            _gauss(alphas[:half], betas[: half - 1]) if half else (nodes, np.inf * weights)
        )
    else:
        # Rounding may put a Ritz value below the end: the node must stay below the Ritz values.
        node = min(lowest, nodes[0])
        nodes, weights = radau(alphas, betas, node)
        nodes = np.maximum(nodes, node)
    with np.errstate(divide="ignore", invalid="ignore"):
        other = weights @ function(nodes)
    return own, other if np.isfinite(other) else np.inf


def _gauss(alphas, betas):
    values, vectors = linalg.eigh_tridiagonal(alphas, betas)
    return values, vectors[0] ** 2

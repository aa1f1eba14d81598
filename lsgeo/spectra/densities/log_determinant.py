"""The log-determinant of a shifted positive semi-definite operator."""

import jax
import numpy as np
from scipy import linalg

from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.spectra.densities._radau import radau
from lsgeo.spectra.krylov import lanczos, probes


def log_determinant(
    op: LinearOperator,
    *,
    key: jax.Array,
    shift: float,
    num_probes: int = 16,
    num_steps: int = 32,
    lowest: float = 0.0,
) -> Estimate:
    """Estimates log det(op + shift * identity) of a positive semi-definite operator, such as a Gauss-Newton.

    Stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017). For the logarithm Gauss's rule lies above each
    probe's value and the Gauss-Radau rule with a node at the lower end of the spectrum below it (Golub and
    Meurant 1994; Bai, Fahey and Golub 1996): the estimate is midway, and half the gap is its `bias`, so that
    `interval()` holds for any number of steps.

    Args:
      op: symmetric operator on [n].
      key: typed random key; the probes are uniform on the sphere.
      shift: added to every eigenvalue, in the units of op, e.g. a prior precision or a damping.
      num_probes: independent start vectors; the standard error comes from their spread.
      num_steps: Lanczos steps per probe.
      lowest: a number that no eigenvalue of op lies below, known beforehand. With lowest + shift = 0 there is
        no lower bound: Gauss's rule is returned, with bias inf.

    Returns:
      Estimate of log det(op + shift); one probe has standard error NaN.

    Raises:
      ValueError: if an argument is out of range, a product is not finite, or a Ritz value lies below `lowest`
        or makes the shifted operator not positive definite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, log_determinant
      >>> op = dense(4.0 * jnp.eye(3))
      >>> round(log_determinant(op, key=jax.random.key(0), shift=1.0).value, 4)  # 3 log 5
      4.8283
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    end = lowest + shift
    if not (np.isfinite(end) and end >= 0):
        raise ValueError(
            f"`lowest` + `shift` must be a number of at least 0; got {lowest!r} + {shift!r}. The "
            "logarithm needs a positive definite operator: raise `shift`."
        )
    n = op.shape[0]
    steps = min(num_steps, n)
    bounds = []
    for probe in range(num_probes):
        state = lanczos.start(op, steps, key=jax.random.fold_in(key, probe))
        rule = lanczos.tridiagonal(lanczos.extend(op, state, 0, steps), steps)
        m = rule.num_connected
        bounds.append(_bounds(rule.alphas[:m] + shift, rule.betas[:m], end, float(op.noise)))
    lower, upper = n * np.array(bounds).T
    middle = (lower + upper) / 2 if np.isfinite(lower).all() else upper
    value, error = probes.mean_and_error(middle)
    freedom = probes.degrees_of_freedom(middle)
    gap = float(np.mean(upper - lower)) / 2
    return Estimate(float(value), float(error), num_probes * steps, freedom, gap)


def _bounds(alphas, betas, end, noise):
    values, vectors = linalg.eigh_tridiagonal(alphas, betas[:-1])
    rounding = noise * np.abs(values).max()
    if values[0] <= 0 or values[0] < end - 8 * rounding:
        raise ValueError(
            f"`op` + `shift` has a Ritz value {values[0]:.6g}, but its spectrum must be positive and from "
            f"`lowest` + `shift` = {end:.6g} up. Raise `shift`, or lower `lowest` if op is not positive "
            "semi-definite."
        )
    gauss = float(vectors[0] ** 2 @ np.log(values))
    # Rounding may put a Ritz value below the end: the node must stay below the Ritz values.
    node = min(end, values[0])
    if betas[-1] == 0:
        return gauss, gauss
    if node <= 0:
        return -np.inf, gauss
    nodes, weights = radau(alphas, betas, node)
    return float(weights @ np.log(np.maximum(nodes, node))), gauss

"""The log-determinant of a shifted positive semi-definite operator."""

import jax
import numpy as np

from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.spectra.densities.spectral_sum import NotFiniteError, spectral_sum


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

    The `spectral_sum` of the logarithm: Gauss's rule lies above each probe's value and the Gauss-Radau rule
    with a node at the lower end of the spectrum below it (Bai, Fahey and Golub 1996), so that `interval()`
    holds for any number of steps.

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
    end = lowest + shift
    if not (np.isfinite(end) and end >= 0):
        raise ValueError(
            f"`lowest` + `shift` must be a number of at least 0; got {lowest!r} + {shift!r}. The "
            "logarithm needs a positive definite operator: raise `shift`."
        )
    noise = float(op.noise)

    def logarithm(eigenvalues):
        values = eigenvalues + shift
        least = values.min()
        if least < 0 or least < end - 8 * noise * np.abs(values).max():
            raise ValueError(
                f"`op` + `shift` has a Ritz value {least:.6g}, but its spectrum must be positive and from "
                f"`lowest` + `shift` = {end:.6g} up. Raise `shift`, or lower `lowest` if op is not positive "
                "semi-definite."
            )
        with np.errstate(divide="ignore"):
            return np.log(values)

    options = {"num_probes": num_probes, "num_steps": num_steps, "lowest": lowest}
    try:
        return spectral_sum(op, logarithm, key=key, **options)
    except NotFiniteError as error:
        raise ValueError(
            "`op` + `shift` has a Ritz value 0, so that its determinant may be 0 and has no logarithm. Raise "
            "`shift`."
        ) from error

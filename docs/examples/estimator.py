"""The stable rank of an operator; save as lsgeo/spectra/traces/stable_rank.py."""

import jax
import numpy as np

from lsgeo.checks import check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.eigen.eigenpairs import extreme_eigenpairs
from lsgeo.spectra.traces.norms import frobenius_norm


def stable_rank(op: LinearOperator, *, key: jax.Array, num_matvecs: int = 64) -> Estimate:
    """Estimates ||op||_F^2 / max |lambda|^2: how many eigenvalues are as large as the largest one.

    Rudelson and Vershynin 2007. The norm's error is random, that of the eigenvalue a bias.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products for the norm; those for the eigenvalue come on top.

    Returns:
      Estimate, a number from 1 to n.

    Raises:
      ValueError: if an argument is out of range, a product is not finite, or op is zero.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense
      >>> op = dense(jnp.diag(jnp.array([3.0, -4.0])))
      >>> round(stable_rank(op, key=jax.random.key(0)).value, 4)
      1.5625
    """
    check_key(key)
    norm_key, pair_key = jax.random.split(key)
    norm = frobenius_norm(op, key=norm_key, num_matvecs=num_matvecs)
    pairs = extreme_eigenpairs(op, key=pair_key)
    largest = int(np.argmax(np.abs(pairs.values)))
    size = float(np.abs(pairs.values[largest]))
    if not size:
        raise ValueError("`op` is zero and has no stable rank. Check that the loss depends on it.")
    value = (norm.value / size) ** 2
    open_share = norm.bias / norm.value + float(pairs.residuals[largest]) / size
    return Estimate(
        value,
        2 * value * norm.standard_error / norm.value,
        norm.num_matvecs + pairs.num_matvecs,
        norm.degrees_of_freedom,
        2 * value * open_share,
    )

"""The Frobenius norm from matrix-vector products."""

import jax
import numpy as np

from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.krylov import probes
from lsgeo.spectra.traces._deflation import KEY_PROBES, Krylov


@watched
def frobenius_norm(op: LinearOperator, *, key: jax.Array, num_matvecs: int = 64) -> Estimate:
    """Estimates the Frobenius norm of a symmetric operator, the root of the sum of lambda^2.

    E ||H z||^2 = ||H||_F^2 for Rademacher z, but the outliers dominate its variance. So a Krylov space Q takes
    them out: ||H||_F^2 = ||H Q||_F^2 + E ||H (I - QQ') z||^2, the first term known from the coefficients (the
    deflation of Hutch++, Meyer, Musco, Musco and Woodruff 2021, applied to H^2). The square is unbiased; the
    root and its error are the delta method's.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products to spend, half of them on the Krylov space (held in memory). With n or more the
        norm is that of the dense matrix.

    Returns:
      Estimate of ||op||_F, in the units of op.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, frobenius_norm
      >>> norm = frobenius_norm(dense(jnp.diag(jnp.array([3.0, -4.0]))), key=jax.random.key(0))
      >>> round(norm.value, 4)
      5.0
    """
    check_operator(op)
    check_key(key)
    n = op.shape[0]
    check_count(num_matvecs, "num_matvecs", min(4, n))
    expect(min(num_matvecs, n))
    if num_matvecs >= n:
        value = float(np.linalg.norm(op.to_dense().astype(np.float64)))
        probes.check_products(np.asarray(value))
        return Estimate(value, 0.0, n, bias=probes.ROUNDING * float(op.noise) * value)
    steps = min(num_matvecs // 2, n - 1)
    krylov = Krylov(op, key)
    krylov.extend(steps)
    rule = krylov.rule
    # ||H Q||_F^2: every beta stands twice in T but the last, which couples to the next vector alone.
    inside = np.sum(rule.alphas**2) + 2 * np.sum(rule.betas[:-1] ** 2) + rule.betas[-1] ** 2
    count = num_matvecs - steps
    probe_key = jax.random.fold_in(key, KEY_PROBES)
    signs = krylov.project_out(probes.rademacher(probe_key, 0, count, n, op.dtype))
    images = np.asarray(probes.row_norms(op.block_product(signs)), np.float64)
    probes.check_products(images)
    # In units of the largest part, so that no square leaves the range of floats.
    unit = max(np.sqrt(inside), images.max()) or 1.0
    samples = (images / unit) ** 2
    rest, error = probes.mean_and_error(samples)
    root = np.sqrt(inside / unit**2 + rest)
    error = error / (2 * root) if root else 0.0
    bias = probes.ROUNDING * float(op.noise) * float(root * unit)
    freedom = probes.degrees_of_freedom(samples)
    return Estimate(float(root * unit), float(error * unit), num_matvecs, freedom, bias)

"""Stochastic Lanczos quadrature."""

import jax
import numpy as np

from lsgeo.operators.base import LinearOperator
from lsgeo.spectra import lanczos
from lsgeo.spectra.arguments import check_count, check_key, check_operator
from lsgeo.spectra.density import SpectralDensity


def spectral_density(
    op: LinearOperator, *, key: jax.Array, num_probes: int = 8, num_steps: int = 64
) -> SpectralDensity:
    """Estimates the eigenvalue density of a symmetric operator.

    Stochastic Lanczos quadrature (Golub and Welsch 1969; Ubaru, Chen and Saad 2017). Costs num_probes *
    num_steps products.

    Args:
      op: symmetric operator on [n].
      key: typed random key; the probes, uniform on the sphere, depend on it alone.
      num_probes: independent start vectors; the error bars come from their spread.
      num_steps: Lanczos steps per probe, at most n are taken; moments up to 2 * num_steps - 1 are exact for
        each probe.

    Returns:
      SpectralDensity with nodes and weights [num_probes, num_steps] in the units of op.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, spectral_density
      >>> density = spectral_density(dense(jnp.diag(jnp.array([1.0, 2.0, 3.0]))), key=jax.random.key(0))
      >>> [round(float(x), 4) for x in density.nodes[0, :3]]
      [1.0, 2.0, 3.0]
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    n = op.shape[0]
    steps = min(num_steps, n)
    rules = []
    for probe in range(num_probes):
        state = lanczos.start(op, steps, key=jax.random.fold_in(key, probe))
        rules.append(lanczos.tridiagonal(lanczos.extend(op, state, 0, steps), steps))
    nodes, weights = zip(*(_quadrature(rule, num_steps) for rule in rules), strict=True)
    nodes, weights = np.stack(nodes), np.stack(weights)
    noise = float(op.noise) * np.abs(nodes).max()
    return SpectralDensity(nodes, weights, n, noise, num_probes * steps)


def _quadrature(rule, length):
    m = rule.num_connected
    values, vectors = lanczos.Tridiagonal(rule.alphas[:m], rule.betas[:m]).eigh()
    weights = vectors[0] ** 2
    padding = length - m
    return np.pad(values, (0, padding), mode="edge"), np.pad(weights / weights.sum(), (0, padding))

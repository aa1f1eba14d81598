"""Every layer's spectrum in one sweep."""

import jax

from lsgeo.checks import check_key
from lsgeo.draws import named
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import Listener, expect, watched
from lsgeo.spectra.densities.density import SpectralDensity
from lsgeo.spectra.densities.quadrature import spectral_density


@watched
def layer_spectra(
    op: LinearOperator,
    pattern: str = "**",
    *,
    key: jax.Array,
    num_probes: int = 8,
    num_steps: int = 64,
    progress: Listener | None = None,
) -> dict[str, SpectralDensity]:
    """Estimates the eigenvalue density of the diagonal block of each parameter leaf.

    A product with a block costs one with the whole operator.

    Args:
      op: symmetric operator over a pytree of parameters.
      pattern: glob over paths such as 'Dense_0/kernel', as for `op.restrict`.
      key: typed random key; each leaf's probes depend on it and on the leaf's name.
      num_probes: start vectors for each leaf.
      num_steps: Lanczos steps per probe, at most as many as the leaf has entries.
      progress: called after every product as progress(products, the most there may be, text); without it a
        line shows in a terminal, see `lsgeo.progress`.

    Returns:
      {path: SpectralDensity} in the order of the paths; leaves of size 0 have none.

    Raises:
      ValueError: if no path matches or an argument is out of range.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import hessian, layer_spectra
      >>> params = {"a": jnp.array([1.0]), "b": jnp.array([2.0])}
      >>> op = hessian(lambda p, x: jnp.mean((p["a"] * p["b"] - x) ** 2), params, jnp.zeros(1))
      >>> found = layer_spectra(op, key=jax.random.key(0), num_steps=1)
      >>> {path: float(density.nodes[0, 0]) for path, density in found.items()}
      {'a': 8.0, 'b': 2.0}
    """
    check_operator(op)
    check_key(key)
    paths = op.restrict(pattern).space.like
    expect(sum(num_probes * min(num_steps, leaf.size) for leaf in paths.values()), progress)
    return {
        path: spectral_density(
            op.restrict(path),
            key=named(key, path),
            num_probes=num_probes,
            num_steps=num_steps,
        )
        for path in sorted(paths)
        if paths[path].size
    }

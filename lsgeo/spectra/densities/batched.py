"""Many densities in one compiled loop: checkpoints, seeds or layers of small models."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.spectra.densities.density import SpectralDensity
from lsgeo.spectra.densities.quadrature import density_of
from lsgeo.spectra.krylov import basis, lanczos


def spectral_densities(
    ops: LinearOperator | Sequence[LinearOperator],
    *,
    key: jax.Array,
    num_probes: int = 8,
    num_steps: int = 64,
) -> list[SpectralDensity]:
    """Estimates the eigenvalue densities of many small operators at once.

    Equals `spectral_density(op, key=key)` for each of them to rounding, with the same probes for all, so that
    they compare in pairs; but all operators and probes run together in one compiled loop. That pays where
    one product is too small to fill the machine. It holds len(ops) * num_probes * num_steps vectors. On a
    CPU convolutions in compiled loops are 16 to 50 times slower than outside: for convolutional models
    call `spectral_density` in a Python loop there.

    Args:
      ops: operators of one structure, e.g. `[hessian(loss, params, batch) for params in checkpoints]`; or
        one operator whose arrays all have a leading axis, as `jax.vmap` makes it.
      key: typed random key; the probes depend on it alone.
      num_probes: independent start vectors, the same for all operators.
      num_steps: Lanczos steps per probe, at most n are taken.

    Returns:
      One SpectralDensity for each operator.

    Raises:
      ValueError: if an argument is out of range, the operators differ in structure or cannot be compiled,
        or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, spectral_densities
      >>> ops = [dense(scale * jnp.diag(jnp.array([1.0, 3.0]))) for scale in (1.0, 2.0)]
      >>> found = spectral_densities(ops, key=jax.random.key(0), num_probes=2, num_steps=2)
      >>> [density.nodes[0].round(3).tolist() for density in found]
      [[1.0, 3.0], [2.0, 6.0]]
    """
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    stacked = ops if isinstance(ops, LinearOperator) else _stacked(ops)
    count = _count(stacked)
    n = stacked.shape[0]
    steps = min(num_steps, n)
    keys = (jax.random.fold_in(jax.random.fold_in(key, i), 0) for i in range(num_probes))
    probes = jnp.stack([lanczos.random_unit(k, n, stacked.dtype) for k in keys])
    alphas, betas = jax.device_get(_run(stacked, probes, steps))
    results = []
    for i in range(count):
        op = jax.tree.map(lambda leaf, i=i: leaf[i], stacked)
        rules = [_rule(a, b) for a, b in zip(alphas[i], betas[i], strict=True)]
        results.append(density_of(rules, num_steps, op))
    return results


def _stacked(ops):
    ops = list(ops)
    if not ops:
        raise ValueError("`ops` is empty. Pass at least one operator.")
    for op in ops:
        check_operator(op)
        _check_traceable(op)
    shapes = [(jax.tree.structure(op), [jnp.shape(x) for x in jax.tree.leaves(op)]) for op in ops]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(
            "`ops` must be operators of one structure: made by the same call with the same functions, "
            f"from arrays of the same shapes; got {', '.join(sorted({str(op) for op in ops}))}. Call "
            "`spectral_density` for each instead."
        )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *ops)


def _check_traceable(op):
    if not op.traceable:
        raise ValueError(
            f"`ops` must have products that compile; got {op}, which runs on the host. Call "
            "`spectral_density` for each instead."
        )


def _count(stacked):
    _check_traceable(stacked)
    leads = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(stacked)}
    if len(leads) != 1 or leads == {()}:
        raise ValueError(
            "`ops` must be a list of operators, or one whose arrays all have one leading axis, as "
            f"jax.vmap makes it; got one with leading axes {sorted(leads)}."
        )
    return leads.pop()[0]


def _rule(alphas, betas):
    alphas, betas = alphas.astype(np.float64), betas.astype(np.float64)
    for step in np.flatnonzero(~(np.isfinite(alphas) & np.isfinite(betas))):
        lanczos.check_finite(alphas[step], betas[step], step)
    return lanczos.Tridiagonal(alphas, betas)


@functools.partial(jax.jit, static_argnums=2)
def _run(stacked, probes, steps):
    def one(op):
        return jax.vmap(lambda first: coefficients(op, first, steps))(probes)

    return jax.vmap(one)(stacked)


def coefficients(op: LinearOperator, first: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """Returns the alphas and betas [steps] of a Lanczos process from `first` [n], inside `jit`.

    After a breakdown everything is zero.
    """
    rounding = lanczos.BREAKDOWN * jnp.finfo(first.dtype).eps

    def step(carry, j):
        rows, current, previous, coupling, scale = carry
        w, alpha, _ = lanczos.local(op._flat_matvec(current), current, previous, coupling)
        for _ in range(2):
            w, overlaps = basis.sweep_rows(rows, w)
            alpha = alpha + overlaps[j]
        beta = trees.norm(w)
        scale = jnp.maximum(scale, jnp.abs(alpha) + beta)
        broken = beta <= rounding * scale
        beta = jnp.where(broken, 0, beta)
        following = jnp.where(broken, 0, w / jnp.where(broken, 1, beta))
        rows = rows.at[j + 1].set(following)
        return (rows, following, current, beta, scale), (alpha, beta)

    rows = jnp.zeros((steps + 1, len(first)), first.dtype).at[0].set(first)
    zero = jnp.zeros((), first.dtype)
    return jax.lax.scan(step, (rows, first, first, zero, zero), jnp.arange(steps))[1]

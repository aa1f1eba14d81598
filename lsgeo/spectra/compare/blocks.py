"""How much of the curvature lies within layers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.compare.alignment import layer_names
from lsgeo.spectra.krylov import probes


@watched
def block_diagonal_share(
    op: LinearOperator,
    *,
    key: jax.Array,
    depth: int | None = None,
    num_probes: int = 16,
    num_signs: int = 6,
) -> Estimate:
    """Estimates the share of ||H||_F^2 that lies in the diagonal blocks of the layers.

    Let z be a Rademacher vector and s a random sign for every layer. Then s_b (H (s z))_b is H_bb z_b plus
    terms whose signs are random. Two patterns s, s' over one z give such vectors whose inner product has the
    expectation sum_b ||H_bb z_b||^2, and E ||H (s z)||^2 = ||H||_F^2: both come from the same products, and
    their number does not grow with that of the layers. All pairs of patterns are used; the standard error of
    the ratio is the delete-one jackknife's over probes.

    Args:
      op: symmetric operator on pytrees like params.
      key: typed random key.
      depth: names of the path that make a layer, 1 for 'Dense_0' of 'Dense_0/kernel'; by default every leaf is
        a layer of its own.
      num_probes: independent z.
      num_signs: sign patterns for each; costs num_probes * num_signs products.

    Returns:
      Estimate of sum_b ||H_bb||_F^2 / ||H||_F^2, without unit: 1 for a block-diagonal operator. The
      estimate itself may leave [0, 1] by its error; it is NaN for the zero operator.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import block_diagonal_share, from_matvec
      >>> op = from_matvec(lambda v: {"a": v["b"], "b": v["a"]}, {"a": jnp.ones(3), "b": jnp.ones(3)})
      >>> share = block_diagonal_share(op, key=jax.random.key(0), num_probes=64)
      >>> abs(share.value) < 4 * share.standard_error
      True
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes", 2)
    check_count(num_signs, "num_signs", 2)
    leaves = [int(np.prod(shape)) for shape in op.space.shapes]
    layers = list(dict.fromkeys(names := layer_names(op.space.like, depth)))
    labels = np.repeat([layers.index(name) for name in names], leaves)
    labels = jnp.asarray(labels, jnp.int32)
    expect(num_probes * num_signs)
    within, whole = np.zeros((2, num_probes))
    unit = 0.0  # of the products: their squares might leave the range of floats
    for i in range(num_probes):
        probe_key = jax.random.fold_in(key, i)
        z, patterns = _draw(probe_key, labels, len(layers), num_signs, op.dtype)
        images = op.block_product(z)
        unit = unit or float(np.asarray(probes.row_norms(images)).max()) or 1.0
        within[i], whole[i] = np.asarray(_parts(images, patterns, unit), np.float64)
    probes.check_products(whole)
    if not whole.sum():
        return Estimate(float("nan"), float("nan"), num_probes * num_signs, num_probes - 1)
    value = within.sum() / whole.sum()
    without = (within.sum() - within) / (whole.sum() - whole)
    error = np.sqrt((num_probes - 1) * np.mean((without - value) ** 2))
    freedom = probes.degrees_of_freedom(without)
    return Estimate(float(value), float(error), num_probes * num_signs, freedom)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _draw(key, labels, num_layers, num_signs, dtype):
    z = jax.random.rademacher(jax.random.fold_in(key, 0), (1, len(labels)), dtype)
    signs = jax.random.rademacher(jax.random.fold_in(key, 1), (num_signs, num_layers), dtype)
    patterns = signs[:, labels]
    return z * patterns, patterns


@jax.jit
def _parts(images, patterns, unit):
    images = images / unit
    count = len(images)
    squares = jnp.sum(jax.vmap(trees.norm)(images) ** 2)
    together = trees.norm(jnp.sum(images * patterns, axis=0)) ** 2
    return jnp.stack([(together - squares) / (count * (count - 1)), squares / count])

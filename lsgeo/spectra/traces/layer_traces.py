"""The trace of every layer's block from one sweep of probes."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import Listener, expect, watched
from lsgeo.spectra.compare.alignment import layer_names
from lsgeo.spectra.krylov import probes
from lsgeo.spectra.traces._deflation import CHUNK, KEY_PROBES


@watched
def layer_traces(
    op: LinearOperator,
    pattern: str | Sequence[str] = "**",
    *,
    key: jax.Array,
    num_matvecs: int = 64,
    depth: int | None = None,
    progress: Listener | None = None,
) -> dict[str, Estimate]:
    """Estimates the trace of the diagonal block of each layer, of all layers from the same products.

    For Rademacher z, z_b (H z)_b has the expectation tr(H_bb): Hutchinson's (1990) quadratic form, cut at the
    borders of the blocks. Its variance is 2 ||H_bb||_F^2 less that of the diagonal, and the squares of the
    entries that couple b with the other layers on top. What is told of the layers adds up to the estimate of
    `trace` with method "hutchinson", the same key and as many products; their errors are correlated.

    Args:
      op: symmetric operator over a pytree of parameters.
      pattern: glob over paths such as 'Dense_0/kernel', or a list of them, as for `op.restrict`: the parameters
        that are told of. The products are with the whole operator.
      key: typed random key.
      num_matvecs: products to spend on all layers together. With n or more the traces are summed exactly.
      depth: names of the path that make a layer, 1 for 'Dense_0' of 'Dense_0/kernel'; by default every leaf is
        a layer of its own.
      progress: called after every product as progress(products, the most there may be, text); without it a
        line shows in a terminal, see `lsgeo.progress`.

    Returns:
      {layer: Estimate} in the order of the parameters, in the units of op; each has `num_matvecs` for its
      cost, which all of them share. Layers of size 0 have none. A single probe has standard errors NaN.

    Raises:
      ValueError: if no path matches, an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import hessian, layer_traces
      >>> params = {"a": jnp.array([1.0]), "b": jnp.array([2.0])}
      >>> op = hessian(lambda p, x: jnp.mean((p["a"] * p["b"] - x) ** 2), params, jnp.zeros(1))
      >>> {path: found.value for path, found in layer_traces(op, key=jax.random.key(0)).items()}
      {'a': 8.0, 'b': 2.0}
    """
    check_operator(op)
    check_key(key)
    check_count(num_matvecs, "num_matvecs")
    names = layer_names(op.space.like, depth)
    paths = jax.tree_util.tree_leaves_with_path(op.space.like)
    chosen = op.restrict(pattern).space.like
    wanted = [trees.path_name(path) in chosen and bool(leaf.size) for path, leaf in paths]
    expect(min(num_matvecs, op.shape[0]), progress)
    exact = num_matvecs >= op.shape[0]
    forms, sizes = _exact(op) if exact else _sampled(op, key, num_matvecs)
    layers: dict[str, np.ndarray] = {}
    for name, samples, told in zip(names, forms.T, wanted, strict=True):
        if told:
            layers[name] = layers.get(name, 0.0) + samples
    return {
        name: _exactly(op, samples) if exact else _estimate(op, samples, sizes)
        for name, samples in layers.items()
    }


def _estimate(op, samples, sizes):
    value, error = probes.mean_and_error(samples)
    bias = probes.rounding(op, sizes, np.zeros(0))
    freedom = probes.degrees_of_freedom(samples)
    return Estimate(float(value), float(error), len(samples), freedom, bias)


def _exactly(op, samples):
    bias = probes.rounding(op, np.zeros(1), samples)
    return Estimate(float(samples.sum()), 0.0, op.shape[0], bias=bias)


def _exact(op):
    """The share of each row in the traces, [n, leaves]."""
    diagonal = np.diag(op.to_dense().astype(np.float64))
    probes.check_products(diagonal)
    leaf = np.repeat(np.arange(len(op.space.shapes)), _sizes(op.space))
    return np.where(leaf[:, None] == np.arange(len(op.space.shapes)), diagonal[:, None], 0.0), None


def _sampled(op, key, count):
    """The forms z_b (H z)_b of each probe and leaf [count, leaves], and the norms ||H z|| [count]."""
    key, forms, norms = jax.random.fold_in(key, KEY_PROBES), [], []
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        signs = probes.rademacher(key, first, size, op.shape[0], op.dtype)
        images = op.block_product(signs)
        forms.append(np.asarray(_forms(_sizes(op.space), signs, images), np.float64))
        norms.append(np.asarray(probes.row_norms(images), np.float64))
        probes.check_products(forms[-1])
    return np.concatenate(forms), np.concatenate(norms)


def _sizes(space):
    return tuple(int(np.prod(shape)) for shape in space.shapes)


@functools.partial(jax.jit, static_argnums=0)
def _forms(sizes, signs, images):
    borders = np.cumsum(sizes)[:-1]
    parts = zip(*(jnp.split(rows, borders, axis=1) for rows in (signs, images)), strict=True)
    return jnp.stack([probes.rowwise_dot(*part) for part in parts], axis=1)

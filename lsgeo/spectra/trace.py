"""Randomised trace estimators with honest standard errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.arguments import check_count, check_key, check_operator
from lsgeo.spectra.estimate import Estimate


def trace(
    op: LinearOperator, *, key: jax.Array, num_matvecs: int, method: str = "hutch++"
) -> Estimate:
    """Estimates the trace of a symmetric operator.

    "hutchinson" averages z'Hz over Rademacher z (Hutchinson 1990). "hutch++" takes the trace exactly on a
    random range of the operator and Hutchinson's estimate on the rest (Meyer, Musco, Musco and Woodruff
    2021, Algorithm 1). "xtrace" lets every probe serve both ends by leaving one out at a time (Epperly,
    Tropp and Webber 2024); its standard error is the spread of the leave-one-out estimates, which covers
    somewhat less than it says.

    Args:
      op: symmetric operator on [n].
      key: typed random key.
      num_matvecs: products to spend; Hutch++ and XTrace need at least 6 and 4. With n or more products
        to spend the trace is summed exactly.
      method: "hutch++", "hutchinson" or "xtrace".

    Returns:
      Estimate of tr(op), in the units of op.

    Raises:
      ValueError: if an argument is out of range or the method is unknown.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, trace
      >>> round(float(trace(dense(2.0 * jnp.eye(4)), key=jax.random.key(0), num_matvecs=4).value), 4)
      8.0
    """
    check_operator(op)
    check_key(key)
    if method not in _METHODS:
        raise ValueError(f"`method` must be one of {', '.join(_METHODS)}; got {method!r}.")
    estimate, minimum = _METHODS[method]
    n = op.shape[0]
    check_count(num_matvecs, "num_matvecs", min(minimum, n))
    if num_matvecs >= n:
        value, error, used = float(np.trace(op.to_dense().astype(np.float64))), 0.0, n
    else:
        value, error, used = estimate(op, key, num_matvecs)
    if not np.isfinite(value):
        raise ValueError(
            "the product of `op` was not finite. Check the parameters and data for NaN."
        )
    return Estimate(value, error, used)


def _hutchinson(op, key, count):
    probes = _rademacher(key, count, op.shape[0], op.dtype)
    samples = np.asarray(_rowwise_dot(probes, op.block_product(probes)), np.float64)
    return *_mean_and_error(samples), count


def _hutch_plus_plus(op, key, count):
    third = count // 3
    sketch_key, probe_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    sketch = op.block_product(_rademacher(sketch_key, third, op.shape[0], op.dtype))
    basis = _orthonormal_rows(sketch)
    inside = np.asarray(_rowwise_dot(basis, op.block_product(basis)), np.float64).sum()
    probes = _rademacher(probe_key, count - 2 * third, op.shape[0], op.dtype)
    probes = _project_out(basis, probes)
    samples = np.asarray(_rowwise_dot(probes, op.block_product(probes)), np.float64)
    rest, error = _mean_and_error(samples)
    return inside + rest, error, count


def _xtrace(op, key, count):
    half = count // 2
    probes = _rademacher(key, half, op.shape[0], op.dtype)
    images = op.block_product(probes)
    basis, triangle = _qr(images)
    again = op.block_product(basis)
    samples = np.asarray(_leave_one_out(probes, basis, triangle, again), np.float64)
    return *_mean_and_error(samples), 2 * half


# Without probe i the range loses one direction s_i of the basis: the unit column i of the inverse
# transposed triangle. Each sample is the exact trace on what is left, plus probe i's share of the rest.
@jax.jit
def _leave_one_out(probes, basis, triangle, again):
    matmul = functools.partial(jnp.matmul, precision=trees.HIGHEST)
    # An operator of low rank leaves zeros on the diagonal: any direction may then stand for the lost one.
    diagonal = jnp.abs(jnp.diagonal(triangle))
    floor = jnp.finfo(probes.dtype).eps * jnp.max(diagonal)
    floor = jnp.where(floor > 0, floor, 1)
    regular = triangle + jnp.diag(jnp.where(diagonal < floor, floor, 0))
    inverse = jax.scipy.linalg.solve_triangular(
        regular, jnp.eye(len(regular), dtype=probes.dtype), trans=1
    )
    lost = inverse / jnp.linalg.norm(inverse, axis=0, keepdims=True)  # column i: s_i
    projected = matmul(again, basis.T)  # Q'HQ
    overlaps = matmul(basis, probes.T)  # Q'w, column i
    images = matmul(again, probes.T)  # Q'Hw

    def one(w_in, w_image, s):
        x = w_in - s * jnp.vdot(s, w_in)  # coefficients of P_i w
        inside = jnp.trace(projected) - jnp.vdot(s, matmul(projected, s))
        rest = -2 * jnp.vdot(x, w_image) + jnp.vdot(x, matmul(projected, x))
        return inside, rest

    inside, rest = jax.vmap(one, in_axes=(1, 1, 1))(overlaps, images, lost)
    own = jnp.einsum("ij,ji->i", matmul(probes, basis.T), triangle, precision=trees.HIGHEST)
    return inside + own + rest


_METHODS = {
    "hutch++": (_hutch_plus_plus, 6),
    "hutchinson": (_hutchinson, 1),
    "xtrace": (_xtrace, 4),
}


def _mean_and_error(samples):
    error = samples.std(ddof=1) / np.sqrt(len(samples)) if len(samples) > 1 else float("nan")
    return float(samples.mean()), float(error)


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _rademacher(key, count, n, dtype):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
    return jax.vmap(lambda k: jax.random.rademacher(k, (n,), dtype))(keys)


@jax.jit
def _rowwise_dot(a, b):
    return jnp.einsum("ij,ij->i", a, b, precision=trees.HIGHEST)


@jax.jit
def _qr(rows):
    scale = jnp.max(jnp.abs(rows))
    scale = jnp.where(scale > 0, scale, 1)
    basis, triangle = jnp.linalg.qr((rows / scale).T)
    return basis.T, triangle * scale


def _orthonormal_rows(rows):
    return _qr(rows)[0]


@jax.jit
def _project_out(basis, probes):
    for _ in range(2):
        overlaps = jnp.matmul(probes, basis.T, precision=trees.HIGHEST)
        probes = probes - jnp.matmul(overlaps, basis, precision=trees.HIGHEST)
    return probes

"""Extreme eigenpairs from both ends of one Krylov basis, by thick-restarted Lanczos."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction, check_key, check_one_of
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import NonFiniteProduct, check_operator
from lsgeo.progress import Listener, expect, watched
from lsgeo.spectra.eigen._search import Search
from lsgeo.spectra.krylov import lanczos, planning
from lsgeo.spectra.krylov.basis import PLACES

BASIS_BYTES = 2**29
START = 2**31 - 1  # folds the key for the random part of `start`; fresh vectors count from 0


@trees.frozen
class EigenPairs:
    """Eigenpairs in ascending order; see `extreme_eigenpairs`."""

    values: np.ndarray  # (k,)
    vectors: Any  # like params, each leaf (k, ...), unit norm
    residuals: np.ndarray  # (k,), ||H v - lambda v||
    converged: np.ndarray  # (k,), bool
    noise: float
    num_matvecs: int

    def __str__(self) -> str:
        pairs = ", ".join(
            f"{v:.6g} (±{r:.1g})" for v, r in zip(self.values, self.residuals, strict=True)
        )
        done = f"{int(np.sum(self.converged))} of {len(self.values)} converged"
        return f"EigenPairs: {pairs}; {done} ({self.num_matvecs} products)"


@watched
def extreme_eigenpairs(
    op: LinearOperator,
    *,
    key: jax.Array,
    top: int = 1,
    bottom: int = 1,
    tol: float = 1e-3,
    start: Any = None,
    basis: str = "auto",
    basis_size: int | None = None,
    max_matvecs: int | None = None,
    progress: Listener | None = None,
) -> EigenPairs:
    """Finds the lowest and the highest eigenvalues of a symmetric operator and their vectors.

    Thick-restarted Lanczos (Wu and Simon 2000) with full orthogonalisation. A Krylov space shows one copy of
    a repeated eigenvalue; so where a further copy would change the result, the process goes on from
    fresh random vectors, orthogonal to what was found, until one would have shown but for a probability of
    0.001: see `lsgeo.spectra.eigen._search`.

    Args:
      op: symmetric operator on [n].
      key: typed random key for the start vectors.
      top: number of highest eigenvalues, each as often as it occurs.
      bottom: number of lowest eigenvalues.
      tol: bound on the residual relative to the largest |lambda|; eigenvalues closer together than that
        may stand for one another.
      start: vectors like those of an earlier result, e.g. of the checkpoint before (pytree like the
        parameters, each leaf with a leading axis). They save products where they are near; a random part is
        added, so that they may be anything.
      basis: where the Lanczos vectors live: "device", "host" or, by the memory there is, "auto".
      basis_size: Lanczos vectors held in memory; by default up to 256 as long as they take less than
        512 MiB, at least max(64, 4 * (top + bottom)). An operator with fewer rows than the latter, or
        than a given size, is diagonalised whole.
      max_matvecs: products after which the search ends unconverged; by default 40 for each vector of the
        smallest default basis, or of the basis given.
      progress: called after every product as progress(products, the most there may be, text); without it a
        line shows in a terminal, see `lsgeo.progress`.

    Returns:
      EigenPairs: the `bottom` lowest, then the `top` highest values, in the units of op; the whole spectrum
      where top + bottom >= n.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, extreme_eigenpairs
      >>> pairs = extreme_eigenpairs(dense(jnp.diag(jnp.array([-2.0, 0.5, 1.0]))), key=jax.random.key(0))
      >>> pairs.values.round(4).tolist()
      [-2.0, 1.0]
    """
    check_operator(op)
    check_key(key)
    check_count(top, "top", 0)
    check_count(bottom, "bottom", 0)
    check_count(top + bottom, "top + bottom")
    check_fraction(tol, "tol")
    check_one_of(basis, "basis", PLACES)
    if basis == "none":
        raise ValueError(
            '`basis` "none" keeps no vectors, so there are no eigenpairs; use "device" or "host", or '
            "take the density, which needs none."
        )
    n, wanted = op.shape[0], top + bottom
    smallest = max(64, 4 * wanted)
    affordable = BASIS_BYTES // (n * op.dtype.itemsize)
    size = max(smallest, min(affordable, 256, n // 2)) if basis_size is None else basis_size
    check_count(size, "basis_size", min(n, 2 * wanted + 4))
    limit = 40 * (smallest if basis_size is None else size) if max_matvecs is None else max_matvecs
    check_count(limit, "max_matvecs")
    expect(limit, progress)
    first = None if start is None else _start_vector(op, start, key)
    if n <= max(smallest if basis_size is None else size, wanted):
        expect(n, progress)
        return _whole_spectrum(op, top, bottom)
    place = planning.place(op, size + 1, basis)
    found = Search(op, key, top, bottom, tol, size, limit, place, first)
    return _checked(op, found.run(), tol, found)


def _start_vector(op, start, key):
    like = jax.tree.structure(start) == op.space.treedef
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(start)]
    counts = {shape[:1] for shape in shapes}
    if not like or len(counts) != 1 or counts in ({()}, {(0,)}):
        raise _unlike(op, shapes)
    if tuple(shape[1:] for shape in shapes) != op.space.shapes:
        raise _unlike(op, shapes)
    trees.check_finite(start, "start")
    noise = lanczos.random_unit(jax.random.fold_in(key, START), op.shape[0], op.dtype)
    return _mixed(op.space, start, noise)


def _unlike(op, shapes):
    return ValueError(
        "`start` must have the structure of the parameters, each leaf with a leading axis for the "
        f"vectors, as in `EigenPairs.vectors`; got shapes {shapes} for {list(op.space.shapes)}."
    )


# The random part, a tenth of one vector, stands for whatever is not among them: a missing eigenvector
# starts ten times smaller than in a random vector, which takes a step or two to make up for.
@functools.partial(jax.jit, static_argnums=0)
def _mixed(space, start, noise):
    rows = jax.vmap(functools.partial(trees.ravel, space))(start)
    sizes = jax.vmap(trees.norm)(rows)[:, None]
    units = jnp.where(sizes > 0, rows / jnp.where(sizes > 0, sizes, 1), 0)
    total = jnp.sum(units, axis=0) + 0.1 * noise
    return total / trees.norm(total)


def _whole_spectrum(op, top, bottom):
    matrix = np.asarray(op.to_dense(), np.float64)
    if not np.isfinite(matrix).all():
        raise NonFiniteProduct(
            "the product of `op` was not finite. Check the parameters and data for NaN."
        )
    values, vectors = linalg.eigh(matrix)
    n = len(values)
    chosen = np.arange(n) if top + bottom >= n else np.r_[:bottom, n - top : n]
    values, vectors = values[chosen], vectors[:, chosen]
    residuals = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    noise = float(op.noise) * np.abs(values).max()
    residuals = np.maximum(residuals, noise)
    rows = trees.unravel(op.space, jnp.asarray(vectors.T, op.dtype))
    return EigenPairs(values, rows, residuals, np.ones(len(values), bool), noise, n)


def _checked(op, found, tol, search):
    # Holds the residuals that the recurrence gives against one product with a sum of all vectors, each
    # weighted by the inverse of its residual, so that the sum's residual, squared, is about the number of
    # vectors, whatever their sizes. What it has beyond that is the rounding of the recurrence, which belongs
    # to the residuals that are rounding; where it is too much for that, each vector is multiplied out.
    values, residuals, rows, scale = found
    rows = _normalised(rows)
    count, noise = len(values), float(op.noise) * scale
    residuals = np.hypot(residuals, noise)
    weights = np.where(residuals > 0, noise / np.where(residuals > 0, residuals, 1), 1.0)
    weights *= np.random.default_rng(0).choice([-1.0, 1.0], count)
    both = jnp.asarray(np.stack([weights, weights * values]), op.dtype)
    total, image = _combined(both, rows)
    seen = float(_distance(op.flat_product(total), image))
    num_matvecs = search.num_matvecs + 1
    small = residuals < 10 * noise
    if seen > 20 * noise * np.sqrt(count):
        products = op.block_product(rows)
        residuals = np.asarray(
            _residuals(rows, products, jnp.asarray(values, op.dtype)), np.float64
        )
        num_matvecs += count
    elif small.any():
        residuals = np.where(small, np.maximum(residuals, seen / np.sqrt(small.sum())), residuals)
    converged = (residuals <= tol * scale) & search.complete
    vectors = trees.unravel(op.space, rows)
    return EigenPairs(values, vectors, residuals, converged, noise, num_matvecs)


@jax.jit
def _normalised(rows):
    return rows / jnp.linalg.norm(rows, axis=1, keepdims=True)


@jax.jit
def _combined(weights, rows):
    return tuple(jnp.matmul(weights, rows, precision=trees.HIGHEST))


_distance = jax.jit(lambda a, b: trees.norm(a - b))


@jax.jit
def _residuals(rows, products, values):
    return jax.vmap(trees.norm)(products - values[:, None] * rows)

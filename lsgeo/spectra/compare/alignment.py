"""Overlaps of directions and subspaces, and the layers that eigenvectors live in."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.spectra.eigen.eigenpairs import EigenPairs


@trees.frozen
class Overlap:
    """How much of the smaller of two subspaces lies within the larger one.

    `value` is the mean squared cosine of the principal angles: 1 within, 0 orthogonal. `chance` is its
    expectation for a random subspace, `chance_deviation` the standard deviation.
    """

    value: float
    chance: float
    chance_deviation: float
    cosines: np.ndarray  # (k,), of the principal angles, descending

    def __str__(self) -> str:
        return f"overlap {self.value:.4g}; random subspaces: {self.chance:.2g} ± {self.chance_deviation:.1g}"


def subspace_overlap(vectors: Any, direction: Any) -> Overlap:
    """Measures the share of a direction that lies in a subspace, ||P g||^2 / ||g||^2.

    With the gradient, or an update, and the top eigenvectors of the Hessian it is the figure of Gur-Ari,
    Roberts and Dyer 2018 ("the gradient lives in a tiny subspace") and of Song, Ahn and Yun 2024.

    Args:
      vectors: pytree with a leading axis k on every leaf, such as `EigenPairs.vectors`; need not be
        orthonormal.
      direction: pytree like params, of any length but zero.

    Returns:
      Overlap whose `value` lies in [0, 1]; a random direction has k / n.

    Raises:
      ValueError: if the structures differ, or a direction is zero or not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import subspace_overlap
      >>> round(subspace_overlap(jnp.eye(4)[:2], jnp.array([3.0, 0.0, 4.0, 0.0])).value, 4)
      0.36
    """
    return principal_overlap(vectors, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], direction))


def principal_overlap(first: Any, second: Any) -> Overlap:
    """Measures the overlap of two subspaces, such as the top eigenspaces of two checkpoints.

    The cosines of the principal angles are the singular values of Q1'Q2 (Bjorck and Golub 1973). The mean
    of their squares does not depend on the bases; of random subspaces it is max(j, k) / n.

    Args:
      first: pytree with a leading axis j on every leaf.
      second: pytree of the same structure with a leading axis k.

    Returns:
      Overlap with min(j, k) cosines.

    Raises:
      ValueError: if the structures differ, or the vectors are linearly dependent or not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import principal_overlap
      >>> overlap = principal_overlap(jnp.eye(4)[:2], jnp.eye(4)[1:3])
      >>> round(overlap.value, 4), overlap.chance
      (0.5, 0.5)
    """
    a, b = _rows(first, "first"), _rows(second, "second")
    shapes = [_shapes(tree) for tree in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "the vectors must have one structure and, but for the leading axis, one shape; got "
            f"{shapes[0]} and {shapes[1]}."
        )
    cosines = np.asarray(_cosines(_orthonormal(a, "first"), _orthonormal(b, "second")), np.float64)
    (j, n), k = a.shape, len(b)
    small, large = min(j, k), max(j, k)
    chance = large / n
    # ||U'V||_F^2 of random subspaces has mean jk/n and this variance (n > 2).
    spread = 2 * j * k * (n - j) * (n - k) / (n**2 * max(1, n - 1) * (n + 2)) / small**2
    return Overlap(float(np.mean(cosines**2)), chance, float(np.sqrt(spread)), cosines)


def layer_mass(pairs: EigenPairs, *, depth: int | None = None) -> dict[str, np.ndarray]:
    """Splits the squared length of every eigenvector over the parameters.

    Args:
      pairs: eigenpairs, or their `vectors`: a pytree with a leading axis k.
      depth: names of the path that make a layer, 1 for 'Dense_0' of 'Dense_0/kernel'; by default every leaf
        stands alone.

    Returns:
      {layer: mass [k]}; the masses of one eigenvector sum to 1. A layer of size 0 has none.

    Raises:
      ValueError: if `depth` is not positive, or a vector is zero or not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo import layer_mass
      >>> mass = layer_mass({"bias": jnp.array([[0.6]]), "kernel": jnp.array([[0.8, 0.0]])})
      >>> {name: float(m[0].round(4)) for name, m in mass.items()}
      {'bias': 0.36, 'kernel': 0.64}
    """
    vectors = pairs.vectors if isinstance(pairs, EigenPairs) else pairs
    rows = _orthonormal(_rows(vectors, "pairs"), "pairs", unit=True)
    masses = np.asarray(rows**2, np.float64)
    names = layer_names(vectors, depth)
    sizes = [leaf[0].size for leaf in jax.tree.leaves(vectors)]
    pieces = np.split(masses, np.cumsum(sizes)[:-1], axis=1)
    result: dict[str, np.ndarray] = {}
    for name, piece in zip(names, pieces, strict=True):
        if piece.size:
            result[name] = result.get(name, 0.0) + piece.sum(axis=1)
    return {name: mass / sum(result.values()) for name, mass in result.items()}


def layer_names(tree: Any, depth: int | None) -> list[str]:
    """Names the layer of every leaf: the first `depth` names of its path, or all of them."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise ValueError(f"`depth` must be None or an integer of at least 1; got {depth!r}.")
    paths = [trees.path_name(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    return ["/".join(path.split("/")[:depth]) for path in paths]


def _shapes(tree):
    return jax.tree.map(lambda leaf: tuple(np.shape(leaf)[1:]), tree)


def _rows(tree, name):
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    space = trees.space_of(jax.tree.map(jnp.asarray, tree), name)
    counts = {leaf.shape[:1] for leaf in leaves}
    if len(counts) != 1 or () in counts:
        raise ValueError(
            f"`{name}` must have one leading axis, of the vectors, on every leaf; got shapes "
            f"{[leaf.shape for leaf in leaves]}."
        )
    return _join(leaves, space.dtype)


@functools.partial(jax.jit, static_argnums=1)
def _join(leaves, dtype):
    return jnp.concatenate([leaf.reshape(len(leaf), -1).astype(dtype) for leaf in leaves], axis=1)


def _orthonormal(rows, name, unit=False):
    sizes = jax.vmap(trees.norm)(rows)
    if not bool(jnp.all(jnp.isfinite(sizes) & (sizes > 0))):
        raise ValueError(f"`{name}` holds a vector that is zero, or has a NaN or an infinity.")
    rows = rows / sizes[:, None]
    if unit:
        return rows
    basis, triangle = jnp.linalg.qr(rows.T)
    floor = 100 * jnp.finfo(rows.dtype).eps
    if rows.shape[0] > rows.shape[1] or not bool(jnp.all(jnp.abs(jnp.diag(triangle)) > floor)):
        raise ValueError(f"the vectors of `{name}` are linearly dependent. Pass a basis.")
    return basis.T


@jax.jit
def _cosines(a, b):
    overlaps = jnp.matmul(a, b.T, precision=trees.HIGHEST)
    return jnp.minimum(jnp.linalg.svd(overlaps, compute_uv=False), 1)

"""The Hessian's top eigenvectors at one step of training, and the gradient's share in them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key
from lsgeo.operators.curvature.hessian import value_gradient_hessian
from lsgeo.spectra import EigenPairs, Overlap, extreme_eigenpairs
from lsgeo.spectra.compare.alignment import principal_overlap, subspace_overlap


@trees.frozen
class TopSubspace:
    """Extreme eigenpairs and the gradient at one place; see `top_subspace`.

    Attributes:
      loss: there.
      gradient_norm: Euclidean.
      pairs: the `bottom` lowest and the `top` highest eigenvalues, ascending, with vectors and residuals.
      share: ||P g||^2 / ||g||^2 of the gradient g in the span of the top vectors; None where g is zero.
      kept: how much of the span is in that of the place before; None at the first one.
      top: number of top vectors.
    """

    loss: float
    gradient_norm: float
    pairs: EigenPairs
    share: Overlap | None
    kept: Overlap | None
    top: int = trees.static()

    @property
    def sharpness(self) -> float:
        """The largest eigenvalue."""
        return float(self.pairs.values[-1])

    @property
    def basis(self) -> Any:
        """The top vectors: like params, each leaf [top, ...]."""
        return _last(self.pairs.vectors, self.top)

    def __str__(self) -> str:
        share = "no gradient" if self.share is None else f"{self.share.value:.3g} of the gradient"
        return (
            f"TopSubspace: loss {self.loss:.4g}, sharpness {self.sharpness:.4g}, {share} in the top "
            f"{self.top} eigenvectors ({self.pairs.num_matvecs} products)"
        )


@accepts(params=as_params, batch=as_arrays)
def top_subspace(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    top: int,
    bottom: int = 1,
    tol: float = 1e-3,
    before: Any = None,
) -> TopSubspace:
    """Finds the top of the Hessian's spectrum and how much of the gradient lies in it.

    With as many vectors as classes, most of the gradient does soon after initialisation (Gur-Ari, Roberts and
    Dyer 2018). That is no statement on what learns: training projected on the top space stalls (Song, Ahn
    and Yun 2024). Along training, hand the vectors to the next call: they are its start, and `kept`
    compares the two spaces.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree handed to the loss.
      key: typed random key of the start vectors.
      top: number of highest eigenvalues, each as often as it occurs; the number of classes is usual.
      bottom: number of lowest ones.
      tol: bound on the residuals relative to the largest |lambda|.
      before: `pairs.vectors` of the result at an earlier place of the same training.

    Returns:
      TopSubspace.

    Raises:
      ValueError: as `hessian` and `extreme_eigenpairs`.
    """
    check_key(key)
    check_count(top, "top")
    value, gradient, op = value_gradient_hessian(loss, params, batch)
    pairs = extreme_eigenpairs(op, key=key, top=top, bottom=bottom, tol=tol, start=before)
    top = min(top, len(pairs.values))
    norm = float(_norm(gradient))
    found = TopSubspace(value, norm, pairs, None, None, top)
    return dataclasses.replace(
        found,
        share=subspace_overlap(found.basis, gradient) if norm > 0 and np.isfinite(norm) else None,
        kept=None if before is None else principal_overlap(_last(before, top), found.basis),
    )


def _last(vectors, count):
    return jax.tree.map(lambda leaf: leaf[-count:], vectors)


_norm = jax.jit(trees.norm)

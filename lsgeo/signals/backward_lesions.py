"""How much of the gradient comes through each branch? Branches cut in the backward pass alone."""

from collections.abc import Callable

import jax
import numpy as np

from lsgeo import trees


@trees.frozen
class BackwardLesions:
    """Gradients at N examples, whole and with each of L branches cut; see `backward_lesions`."""

    norm: float  # of the whole gradient, all examples together
    norms: np.ndarray  # (L,), with branch l cut, over `norm`
    cosines: np.ndarray  # (L,), with the whole gradient; NaN where nothing is left
    projections: np.ndarray  # (N, L), <g_l, g> of each example
    energies: np.ndarray  # (N,), ||g||^2 of each example
    num_gradients: int

    @property
    def shares(self) -> np.ndarray:
        """[L], share of the gradient that comes through branch l, 1 - <g_l, g> / ||g||^2."""
        return 1 - self.projections.sum(0) / self.energies.sum()

    @property
    def effective_depth(self) -> float:
        """Branches that the gradient passes on its way, the sum of the shares.

        The cut gradients add up so that this is sum_k k <part_k, g> / ||g||^2 over the parts of the gradient
        of path length k: the mean path length, where parts of different length are orthogonal. Where they
        cancel it may lie outside 0 to L.
        """
        return float(self.shares.sum())

    @property
    def depth_error(self) -> float:
        """Standard error of the effective depth over examples, by the jackknife; NaN for one example."""
        lengths = (self.energies[:, None] - self.projections).sum(1)
        n = len(lengths)
        with np.errstate(invalid="ignore", divide="ignore"):
            without = (lengths.sum() - lengths) / (self.energies.sum() - self.energies)
        return float(np.sqrt((n - 1) * np.var(without))) if n > 1 else float("nan")

    def __str__(self) -> str:
        return (
            f"BackwardLesions of {len(self.norms)} branches: effective depth {self.effective_depth:.3g} "
            f"± {self.depth_error:.1g}, norms {self.norms.min():.3g} to {self.norms.max():.3g} of the whole"
        )


def backward_lesions(
    gradient: Callable[[np.ndarray], jax.Array], num_branches: int
) -> BackwardLesions:
    """Cuts each branch of a network in the backward pass and compares the gradients at the bottom.

    The forward pass, and with it every activation, stays that of the whole network; only the products
    with the Jacobian of branch l are left out, as if F_l were a constant. In a linear residual chain the
    gradient g = prod (I + A_j)' c becomes the same product without A_l. Deleting the block (Veit et al.
    2016) changes both passes, and is not possible where the block changes the stream's shape; this is.

    Args:
      gradient: maps `passed` [L], 1.0 where the gradient passes a branch and 0.0 where it is cut, to the
        gradient of the loss with respect to what lies below all branches, an array [N, ...] with the
        examples first. Such as `lsgeo.models.lesioned_gradient`.
      num_branches: L.

    Returns:
      BackwardLesions, from L + 1 gradients.

    Raises:
      ValueError: for no branch, or a whole gradient that is zero or not finite.

    >>> chain = lambda passed: np.prod(1 + 0.5 * passed, keepdims=True)[None]
    >>> found = backward_lesions(chain, 4)
    >>> found.norms.round(3).tolist(), round(found.effective_depth, 3)
    ([0.667, 0.667, 0.667, 0.667], 1.333)
    """
    if num_branches < 1:
        raise ValueError(f"`num_branches` must be at least 1; got {num_branches}.")
    whole = _rows(gradient(np.ones(num_branches)))
    energies = (whole**2).sum(1)
    energy = energies.sum()
    if not (np.isfinite(energy) and energy > 0):
        raise ValueError(
            f"`gradient` of the whole network has the squared norm {energy}; there is nothing to compare "
            "with. Pass an earlier checkpoint, or examples that are not fitted."
        )
    cut = [_rows(gradient(1.0 - unit)) for unit in np.eye(num_branches)]
    projections = np.stack([(rows * whole).sum(1) for rows in cut], 1)
    sizes = np.array([np.linalg.norm(rows) for rows in cut])
    with np.errstate(invalid="ignore"):
        cosines = projections.sum(0) / (sizes * np.sqrt(energy))
    return BackwardLesions(
        float(np.sqrt(energy)),
        sizes / np.sqrt(energy),
        cosines,
        projections,
        energies,
        1 + num_branches,
    )


def _rows(gradient):
    rows = np.asarray(gradient, np.float64)
    return rows.reshape(len(rows), -1)

"""Hidden units that are about to merge or to vanish: overlap and elimination singularities."""

from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.geometry.singularities.symmetries import Symmetry, count_members, leaf_shapes


@trees.frozen
class UnitOverlap:
    """How alike the hidden units of a layer are; see `unit_overlap`."""

    cosines: np.ndarray  # (n, n), of the units' incoming weights
    fan_in: int  # incoming weights of a unit

    @property
    def nearest(self) -> np.ndarray:
        """(n,), the largest cosine of each unit with another one; 1 where two units overlap."""
        apart = np.where(np.eye(len(self.cosines), dtype=bool), -np.inf, self.cosines)
        return apart.max(axis=1)

    @property
    def mean_absolute(self) -> float:
        """Mean |cosine| over the pairs; about sqrt(2 / (pi fan_in)) for independent Gaussian weights."""
        pairs = self.cosines[np.triu_indices(len(self.cosines), 1)]
        return float(np.mean(np.abs(pairs)))

    def __str__(self) -> str:
        null = np.sqrt(2 / (np.pi * self.fan_in))
        return (
            f"overlap of {len(self.cosines)} units: mean |cosine| {self.mean_absolute:.3g} (independent: "
            f"{null:.3g}), nearest pair {self.nearest.max():.4g}"
        )


@trees.frozen
class UnitElimination:
    """How near to nothing the hidden units of a layer are; see `unit_elimination`."""

    incoming: np.ndarray  # (n,), norm of each unit's incoming weights
    outgoing: np.ndarray  # (n,), norm of its outgoing weights

    @property
    def strengths(self) -> np.ndarray:
        """(n,), incoming * outgoing, relative to the layer's root mean square; 0 is eliminated."""
        products = self.incoming * self.outgoing
        typical = np.sqrt(np.mean(products**2))
        return products / typical if typical else products

    def __str__(self) -> str:
        weak = int(np.sum(self.strengths < 0.1))
        return (
            f"elimination of {len(self.incoming)} units: weakest strength {self.strengths.min():.3g} of the "
            f"layer's, {weak} below 0.1"
        )


def unit_overlap(params: Any, symmetry: Symmetry) -> UnitOverlap:
    """Measures the cosines between the incoming weights of a layer's units, biases included.

    Two units with equal incoming weights compute one feature: only the sum of their outgoing weights counts,
    and its split between them is a flat direction, the overlap singularity of Orhan and Pitkow (2018). With
    ReLU, incoming weights along one ray suffice, which is a cosine of 1. It is invariant under rescaling and
    permuting units.

    Args:
      params: pytree of floating-point arrays.
      symmetry: says which leaves lead into the units, as from `rescaling`.

    Returns:
      UnitOverlap; NaN for a unit without incoming weights.

    Raises:
      ValueError: if the symmetry does not fit the parameters, or there is but one unit.
    """
    rows = _rows(params, symmetry, 1)
    if len(rows) < 2:
        raise ValueError(f"`symmetry` must have at least two units; got {len(rows)}.")
    norms = np.linalg.norm(rows, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        units = rows / norms[:, None]
    return UnitOverlap(units @ units.T, rows.shape[1])


def unit_elimination(params: Any, symmetry: Symmetry) -> UnitElimination:
    """Measures the norms of the incoming and outgoing weights of a layer's units.

    Where either vanishes, the other is free: the elimination singularity of Orhan and Pitkow (2018). The
    product of both norms, `strengths`, is invariant under rescaling units, which either norm alone is not.

    Args:
      params: pytree of floating-point arrays.
      symmetry: says which leaves lead into the units and out of them, as from `rescaling`.

    Returns:
      UnitElimination.

    Raises:
      ValueError: if the symmetry does not fit the parameters, or has no outgoing leaf.
    """
    if not symmetry.divided:
        raise ValueError(
            "`symmetry` must have outgoing leaves, as from `rescaling`; got none. The units of a "
            "normalised layer have `unit_overlap` alone."
        )
    norms = [np.linalg.norm(_rows(params, symmetry, sign), axis=1) for sign in (1, -1)]
    return UnitElimination(*norms)


def _rows(params, symmetry, sign):
    # One row per unit: all its weights on one side.
    count = count_members(symmetry, leaf_shapes(params))
    leaves = {trees.path_name(p): x for p, x in jax.tree_util.tree_leaves_with_path(params)}
    parts = []
    for path, axis, side in symmetry.parts:
        if side == sign:
            leaf = np.asarray(leaves[path], np.float64)
            moved = leaf[None] if axis is None else np.moveaxis(leaf, axis, 0)
            parts.append(moved.reshape(count, -1))
    return np.concatenate(parts, axis=1)

"""Do gradients vanish or explode on their way down? Their norms, layer by layer, over seeds."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from lsgeo import programs, trees


@trees.frozen
class GradientNorms:
    """Norm of the gradient of each leaf for each network; see `gradient_norms`."""

    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    norms: np.ndarray  # (networks, leaves)
    loss: np.ndarray  # (networks,)

    def ratio(self, first: str, last: str) -> np.ndarray:
        """Norm of the leaf `first` over that of `last`, [networks]: well below 1, gradients vanish."""
        for argument, name in (("first", first), ("last", last)):
            if name not in self.names:
                raise ValueError(
                    f"`{argument}` must be one of {', '.join(self.names)}; got {name!r}."
                )
        columns = [self.names.index(name) for name in (first, last)]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.norms[:, columns[0]] / self.norms[:, columns[1]]

    def __str__(self) -> str:
        return (
            f"GradientNorms({self.norms.shape[0]} networks, {len(self.names)} leaves, median norm "
            f"{np.median(self.norms):.3g})"
        )


def gradient_norms(
    loss: Callable[[Any, Any], jax.Array], networks: Sequence[Any], batch: Any
) -> GradientNorms:
    """Measures the gradient's norm in every leaf, for networks of one architecture.

    Look at the median over seeds as well as the mean: where the width is below the depth the norms are
    heavy-tailed (Hanin and Rolnick 2018).

    Args:
      loss: `loss(params, batch) -> scalar`.
      networks: pytrees of parameters, of equal structure: several seeds.
      batch: pytree handed to loss.

    Returns:
      GradientNorms; leaves are named by their path, "block_0/dense_0/kernel". Those of size 0 have no norm.

    Raises:
      ValueError: for no network, or networks of different structure.
    """
    if not networks:
        raise ValueError("`networks` must hold at least one pytree of parameters; got none.")
    space = trees.space_of(networks[0], "networks[0]")
    loss = programs.traced(loss, "loss", networks[0], batch)
    rows, losses = [], []
    for i, params in enumerate(networks):
        if trees.space_of(params, f"networks[{i}]") != space:
            raise ValueError(
                f"`networks` must have one structure; networks[{i}] differs from networks[0]."
            )
        value, norms = _measure(loss, params, batch)
        rows.append(np.asarray(norms, np.float64))
        losses.append(float(value))
    paths = jax.tree_util.tree_leaves_with_path(space.like)
    names = tuple(trees.path_name(path) for path, leaf in paths if leaf.size)
    return GradientNorms(names, np.stack(rows), np.array(losses))


@jax.jit
def _measure(loss, params, batch):
    value, gradient = jax.value_and_grad(loss)(params, batch)
    return value, [trees.norm(leaf) for leaf in jax.tree.leaves(gradient) if leaf.size]

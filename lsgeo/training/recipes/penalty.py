"""Weight decay as a part of the loss, and so of its landscape."""

from collections.abc import Callable
from typing import Any

import jax

from lsgeo import trees
from lsgeo.training.recipes._leaves import selected
from lsgeo.trees import PyTree


@trees.frozen
class Penalized:
    """`loss(params, batch)` + 1/2 weight_decay ||w||^2 over the chosen leaves w.

    The value, the gradient and the Hessian (weight_decay more on the diagonal of those leaves) all
    contain the penalty.

    Attributes:
      loss: a loss as a pytree; a plain function goes in as `jax.tree_util.Partial(function)`.
      weight_decay: factor of 1/2 ||w||^2.
      leaves: globs over the paths of the parameters; "**" is all of them.
    """

    loss: Callable[[PyTree, PyTree], jax.Array]
    weight_decay: float
    leaves: tuple[str, ...] = trees.static(default=("**",))

    def __call__(self, params: PyTree, batch: PyTree, **options: Any) -> jax.Array:
        """Returns the penalised loss of a batch; `options` go to the loss."""
        return self.loss(params, batch, **options) + self.penalty(params)

    @property
    def constants(self) -> PyTree:
        """The constants of the loss, such as frozen batch statistics."""
        return self.loss.constants

    def penalty(self, params: PyTree) -> jax.Array:
        """Returns the penalty alone."""
        chosen = jax.tree.leaves(selected(params, self.leaves, "leaves"))
        weights = [
            leaf for leaf, is_in in zip(jax.tree.leaves(params), chosen, strict=True) if is_in
        ]
        return self.weight_decay / 2 * trees.vdot(weights, weights)

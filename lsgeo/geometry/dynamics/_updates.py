"""One update of an Optax optimiser: the step that all that trains in `lsgeo.geometry` is made of."""

from typing import Any

import jax
import optax


def updated(
    optimizer: optax.GradientTransformation, gradient: Any, state: Any, params: Any
) -> tuple[Any, Any]:
    """Returns the parameters and the optimiser's state after one update."""
    # Optax's own arithmetic promotes, such as Adam's decay to the power of its count.
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

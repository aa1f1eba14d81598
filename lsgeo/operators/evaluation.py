"""The value of a loss."""

from collections.abc import Callable
from typing import Any

import jax


@jax.jit
def evaluate(loss: Callable, params: Any, batch: Any) -> jax.Array:
    """Evaluates a loss, or a prediction, that is a pytree: compiled once for all networks of one structure."""
    return loss(params, batch)

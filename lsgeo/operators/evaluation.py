"""The value of a loss, and its gradient."""

from collections.abc import Callable
from typing import Any

import jax


# At the precision of curvature: on an accelerator products would else be more exact than the loss, whose
# changes they are held to.
@jax.jit
def evaluate(loss: Callable, params: Any, batch: Any) -> jax.Array:
    """Evaluates a loss, or a prediction, that is a pytree: compiled once for all networks of one structure."""
    with jax.default_matmul_precision("highest"):
        return loss(params, batch)


@jax.jit
def gradient(loss: Any, params: Any, batch: Any) -> Any:
    """Returns the gradient of a loss in the parameters, compiled likewise."""
    with jax.default_matmul_precision("highest"):
        return jax.grad(loss)(params, batch)


@jax.jit
def value_and_gradient(loss: Any, params: Any, batch: Any) -> tuple[jax.Array, Any]:
    """Returns the value of a loss and its gradient, at the precision of curvature."""
    with jax.default_matmul_precision("highest"):
        return jax.value_and_grad(loss)(params, batch)

"""The value of a loss, and its gradient."""

import jax


@jax.jit
def evaluate(loss, params, batch):
    """Evaluates a loss that is a pytree, compiled once for all networks of one structure."""
    return loss(params, batch)


@jax.jit
def gradient(loss, params, batch):
    """Returns the gradient of a loss in the parameters, compiled likewise."""
    return jax.grad(loss)(params, batch)

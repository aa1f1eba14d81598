"""Diagonals to precondition with."""

from typing import Any

import jax
import jax.numpy as jnp


def adam_diagonal(opt_state: Any, *, b2: float = 0.999, eps: float = 1e-8) -> Any:
    """Returns sqrt(second moment) + eps, the diagonal that Adam divides its step by.

    With it, `op.precondition(adam_diagonal(opt_state))` is the matrix whose largest eigenvalue decides whether
    Adam is stable (Cohen et al. 2022, Adaptive gradient methods at the edge of stability, section 2).

    Args:
      opt_state: state of an Optax optimiser with one Adam in it, at any depth of `optax.chain`.
      b2: the optimiser's decay of the second moment, for the correction 1 / (1 - b2^count) of its bias;
        the state does not hold it.
      eps: the optimiser's `eps`.

    Returns:
      A pytree like the parameters, all entries positive, in the units loss / parameter.

    Raises:
      ValueError: if there is not exactly one Adam state, no step was taken, or a number does not fit.

    Example:
      >>> import jax.numpy as jnp, optax
      >>> from lsgeo import adam_diagonal
      >>> params = jnp.ones(2)
      >>> adam = optax.adam(1e-3)
      >>> _, state = adam.update(jnp.array([3.0, 4.0]), adam.init(params), params)
      >>> [round(float(x), 3) for x in adam_diagonal(state)]
      [3.0, 4.0]
    """
    if not 0 < b2 < 1:
        raise ValueError(f"`b2` must lie strictly between 0 and 1; got {b2!r}.")
    if not eps > 0:
        raise ValueError(f"`eps` must be positive; got {eps!r}.")
    nodes = jax.tree.leaves(opt_state, is_leaf=_is_adam)
    states = [node for node in nodes if _is_adam(node)]
    if len(states) != 1:
        raise ValueError(
            f"`opt_state` must hold one Adam state; found {len(states)}. Pass the state of optax.adam, "
            "optax.adamw, or the part of a larger state that has the fields mu, nu and count."
        )
    count = int(states[0].count)
    if count < 1:
        raise ValueError("`opt_state` has taken no step: its second moments are zero.")
    correction = 1 - b2**count
    return jax.tree.map(lambda nu: jnp.sqrt(nu / correction) + eps, states[0].nu)


def _is_adam(node: Any) -> bool:
    fields = set(getattr(node, "_fields", ()))
    # AMSGrad divides by its running maximum, not by nu.
    return {"count", "mu", "nu"} <= fields and "nu_max" not in fields

"""The learning rate of every step, as a factor of the recipe's.

The rates are computed once on the host and passed to the compiled update as a number, so that no
schedule needs a compilation of its own.
"""

import jax.numpy as jnp
import numpy as np
import optax

SCHEDULES = ("constant", "piecewise", "cosine")


def rate_factors(
    schedule: str,
    max_steps: int,
    *,
    warmup_steps: int = 0,
    boundaries: tuple[int, ...] = (),
    factors: tuple[float, ...] = (),
) -> np.ndarray:
    """Computes the factor of the learning rate at each step.

    Args:
      schedule: "constant"; "piecewise", times factors[i] from step boundaries[i] on, cumulatively; or
        "cosine", from 1 at the end of the warm-up to 0 at `max_steps` (Loshchilov & Hutter 2017,
        equation 5, one period).
      max_steps: number of updates.
      warmup_steps: the factor of step t (from 0) is multiplied by min(1, (t + 1) / warmup_steps).
      boundaries: steps, counted from the start of training whether there is a warm-up or not.
      factors: one for each boundary.

    Returns:
      [max_steps], float64.
    """
    if max_steps == 0 or (schedule == "constant" and not warmup_steps):
        return np.ones(max_steps)
    steps = jnp.arange(max_steps, dtype=jnp.float32)
    if schedule == "cosine":
        decay = optax.cosine_decay_schedule(1.0, max_steps - warmup_steps)
        values = decay(jnp.maximum(steps - warmup_steps, 0))
    else:
        changes = dict(zip(boundaries, factors, strict=True))
        values = optax.piecewise_constant_schedule(1.0, changes)(steps) * jnp.ones_like(steps)
    if warmup_steps:
        values = values * optax.linear_schedule(0.0, 1.0, warmup_steps)(steps + 1)
    return np.asarray(values, np.float64)

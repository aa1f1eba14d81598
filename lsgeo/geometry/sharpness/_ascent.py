"""Maximises the loss in a ball by projected gradient ascent, driven from the host."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood


def ascend(
    at: Neighbourhood, key: jax.Array, radius: float, ball: str, num_starts: int, num_steps: int
) -> tuple[np.ndarray, float]:
    """Climbs from the steepest step and from random points on the ball's surface.

    A step goes along the steepest direction of the ball's norm, g / ||g|| or sign(g), by a multiple of the
    radius that doubles after a rise and is quartered after none; the point is then projected back.

    Args:
      at: the loss, in coordinates z.
      key: typed random key of the random starts.
      radius: of the ball in z.
      ball: "l2" or "linf".
      num_starts: starts, the first of them the steepest step from the centre.
      num_steps: gradients for each start, beside the one at the start.

    Returns:
      The highest losses found, [num_starts], and how far the best point is from stationary.
    """
    zero = jax.tree.map(jnp.zeros_like, at.params)
    _, slope = at.value_and_gradient(zero)
    found = []
    for i in range(num_starts):
        direction = slope if i == 0 else at.normal(jax.random.fold_in(key, i))
        if not float(size(direction)):  # a critical point has no steepest step
            direction = at.normal(jax.random.fold_in(key, 0))
        found.append(_climb(at, steepest(direction, radius, ball), radius, ball, num_steps))
    values = np.array([value for value, _, _ in found])
    # A NaN among them is the maximum, as for NumPy.
    _, z, gradient = found[int(np.argmax(values))]
    return values, float(_gap(z, gradient, radius, ball))


def _climb(at, z, radius, ball, num_steps):
    value, gradient = at.value_and_gradient(z)
    step = 1.0
    for _ in range(num_steps):
        if not np.isfinite(value):
            break
        moved = _moved(z, gradient, step, radius, ball)
        new, slope = at.value_and_gradient(moved)
        if new <= value:
            step /= 4
            continue
        z, value, gradient = moved, new, slope
        step = min(2 * step, 8.0)
    return value, z, gradient


@functools.partial(jax.jit, static_argnums=2)
def steepest(gradient: Any, radius: float, ball: str) -> Any:
    """The step of length `radius` along which a linear function of this gradient rises most."""
    if ball == "linf":
        return jax.tree.map(lambda g: (radius * jnp.sign(g)).astype(g.dtype), gradient)
    length = trees.norm(gradient)
    unit = radius / jnp.where(length > 0, length, 1)
    return jax.tree.map(lambda g: (unit * g).astype(g.dtype), gradient)


@functools.partial(jax.jit, static_argnums=1)
def dual_norm(gradient: Any, ball: str) -> jax.Array:
    """What a linear function of this gradient rises by over a step of length 1."""
    if ball == "linf":
        return sum(jnp.sum(jnp.abs(g)) for g in jax.tree.leaves(gradient))
    return trees.norm(gradient)


size = jax.jit(trees.norm)


@functools.partial(jax.jit, static_argnums=3)
def _gap(z, gradient, radius, ball):
    return jnp.maximum(0, radius * dual_norm(gradient, ball) - trees.vdot(gradient, z))


@functools.partial(jax.jit, static_argnums=4)
def _moved(z, gradient, step, radius, ball):
    moved = jax.tree.map(jnp.add, z, steepest(gradient, step * radius, ball))
    if ball == "linf":
        return jax.tree.map(lambda x: jnp.clip(x, -radius, radius).astype(x.dtype), moved)
    length = trees.norm(moved)
    shrink = jnp.minimum(1, radius / jnp.where(length > 0, length, 1))
    return jax.tree.map(lambda x: (shrink * x).astype(x.dtype), moved)

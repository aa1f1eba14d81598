"""Many runs of one optimiser, all in one compiled program or one after the other from the host."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import trees
from lsgeo.draws import random_direction
from lsgeo.geometry.dynamics._updates import updated


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the compiled functions depend on; equal plans share them."""

    optimizer: optax.GradientTransformation
    batch_size: int
    noisy: bool
    every: int


class Together:
    """All runs in one compiled program."""

    def __init__(
        self, plan: Plan, loss: Callable, batch: Any, starts: Any, keys: jax.Array, noise: float
    ):
        self.plan = plan
        self._fixed = loss, batch, keys, noise
        self._starts = self.params = starts
        self._state = jax.vmap(plan.optimizer.init)(starts)

    def advance(self, step: int) -> None:
        """Makes `every` updates, the first of them number `step`."""
        loss, batch, keys, noise = self._fixed
        self.params, self._state = _steps(self.plan, True)(
            self.params, self._state, keys, loss, batch, noise, step
        )

    def look(self) -> tuple[np.ndarray, np.ndarray]:
        """The loss of all examples, and the distance from the start, of each run."""
        loss, batch, _, _ = self._fixed
        found = _look_at_all(self.params, self._starts, loss, batch)
        return tuple(np.asarray(part, np.float64) for part in found)


class Apart:
    """One run after the other, each step called from the host."""

    def __init__(
        self, plan: Plan, loss: Callable, batch: Any, starts: Any, keys: jax.Array, noise: float
    ):
        self.plan = plan
        self._fixed = loss, batch, noise
        self._keys = list(keys)
        self._starts = [jax.tree.map(lambda leaf, i=i: leaf[i], starts) for i in range(len(keys))]
        self._params = list(self._starts)
        self._states = [plan.optimizer.init(params) for params in self._params]
        self._one = dataclasses.replace(plan, every=1)

    def advance(self, step: int) -> None:
        """Makes `every` updates, the first of them number `step`."""
        loss, batch, noise = self._fixed
        move = _steps(self._one, False)
        for i, key in enumerate(self._keys):
            for t in range(step, step + self.plan.every):
                self._params[i], self._states[i] = move(
                    self._params[i], self._states[i], key, loss, batch, noise, t
                )

    @property
    def params(self) -> Any:
        """Of all runs, [n, ...]."""
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *self._params)

    def look(self) -> tuple[np.ndarray, np.ndarray]:
        """The loss of all examples, and the distance from the start, of each run."""
        loss, batch, _ = self._fixed
        pairs = zip(self._params, self._starts, strict=True)
        found = [_look(params, start, loss, batch) for params, start in pairs]
        return tuple(np.array(part, np.float64) for part in zip(*found, strict=True))


@functools.lru_cache(32)
def _steps(plan, together):
    def step(carry, t, key, loss, batch, noise):
        params, state = carry
        key = jax.random.fold_in(key, t)
        part = _draw(batch, plan.batch_size, jax.random.fold_in(key, 0))
        gradient = jax.grad(loss)(params, part)
        if plan.noisy:
            kicks = random_direction(params, key=jax.random.fold_in(key, 1))
            gradient = jax.tree.map(
                lambda g, k: g + jnp.asarray(noise, g.dtype) * k, gradient, kicks
            )
        return updated(plan.optimizer, gradient, state, params)

    def steps(params, state, key, loss, batch, noise, first):
        if plan.every == 1:
            return step((params, state), first, key, loss, batch, noise)
        ts = first + jnp.arange(plan.every)
        return jax.lax.scan(
            lambda carry, t: (step(carry, t, key, loss, batch, noise), None), (params, state), ts
        )[0]

    if together:
        steps = jax.vmap(steps, in_axes=(0, 0, 0, None, None, None, None))
    return jax.jit(steps)


def _draw(batch, batch_size, key):
    if not batch_size:
        return batch
    count = jax.tree.leaves(batch)[0].shape[0]
    chosen = jax.random.randint(key, (batch_size,), 0, count)
    return jax.tree.map(lambda leaf: leaf[chosen], batch)


@jax.jit
def _look(params, start, loss, batch):
    difference = jax.tree.map(jnp.subtract, params, start)
    return loss(params, batch), trees.norm(difference)


_look_at_all = jax.jit(jax.vmap(_look, in_axes=(0, 0, None, None)))

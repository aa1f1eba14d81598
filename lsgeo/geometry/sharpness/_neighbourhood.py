"""The loss around a point, evaluated from the host: convolutions stay out of compiled loops."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.draws import random_direction
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.surfaces._filters import Rule
from lsgeo.operators import checks
from lsgeo.operators.products import means, streaming

BALLS = ("l2", "linf")


class Neighbourhood:
    """The mean loss over the data at params + T z, and its gradient in z; counts what they cost.

    Attributes:
      params: the centre.
      centre: the loss there.
      num_evaluations: losses evaluated over all the data, those with a gradient included.
      num_gradients: gradients among them.
    """

    def __init__(
        self,
        loss: Callable[[Any, Any], jax.Array],
        params: Any,
        batch: Any = None,
        batches: Iterable | None = None,
        scaling: str = "none",
        axes: str | Rule | None = None,
        count: Callable[[Any], Any] | None = None,
    ):
        self.space = trees.space_of(params)
        trees.check_finite(params, "params")
        self._data = ((batch, 1.0),)
        if batches is not None:
            self._data = streaming.Batches.of(batches, batch, count)
            batch = self._data.first()
        self._loss = programs.traced(loss, "loss", params, batch)
        checks.check_loss(self._loss, params, batch)
        if batches is not None:
            means.check_mean(self._loss, params, self._data.telling, count=count)
        self.params = jax.tree.map(jnp.asarray, params)
        self.scales = _scalings.scales(self.params, scaling, self._loss, batch, axes)
        self.num_evaluations = self.num_gradients = 0
        self.centre = self.value(jax.tree.map(jnp.zeros_like, self.params))
        checks.check_value(jnp.asarray(self.centre))

    @property
    def rounding(self) -> float:
        """Bound on what rounding makes of a difference of two losses near the centre."""
        dtype = programs.outputs(self._loss, "loss", self.params, self.first()).dtype
        return 4 * float(jnp.finfo(dtype).eps) * abs(self.centre)

    def first(self) -> Any:
        """The first batch of the data."""
        return next(iter(self._data))[0]

    def value(self, z: Any, radius: float = 1.0) -> float:
        """The loss at params + radius * T z."""
        self.num_evaluations += 1
        parts = [
            share * np.float64(_value(self._loss, self.params, self.scales, z, radius, batch))
            for batch, share in self._data
        ]
        return float(sum(parts))

    def value_and_gradient(self, z: Any) -> tuple[float, Any]:
        """The loss at params + T z, and its gradient in z."""
        self.num_evaluations += 1
        self.num_gradients += 1
        value, gradient = 0.0, None
        for batch, share in self._data:
            one, slope = _value_and_gradient(self._loss, self.params, self.scales, z, batch)
            value += share * np.float64(one)
            gradient = _add(gradient, slope, share)
        return float(value), gradient

    def normal(self, key: jax.Array) -> Any:
        """A standard normal z, which depends on the key and on each leaf's path and shape alone."""
        return _normal(self.params, key)


@jax.jit
def _value(loss, params, scales, z, radius, batch):
    def move(leaf, scale, step):
        return leaf + (radius * scale * step).astype(leaf.dtype)

    return loss(jax.tree.map(move, params, scales, z), batch)


@jax.jit
def _value_and_gradient(loss, params, scales, z, batch):
    return jax.value_and_grad(
        lambda z: loss(jax.tree.map(lambda p, t, x: p + t * x, params, scales, z), batch)
    )(z)


def _add(total, part, share):
    if total is None and share == 1:
        return part
    return _accumulate(jax.tree.map(jnp.zeros_like, part) if total is None else total, part, share)


@jax.jit
def _accumulate(total, part, share):
    return jax.tree.map(lambda t, p: t + (share * p).astype(t.dtype), total, part)


_normal = jax.jit(lambda params, key: random_direction(params, key=key))

"""How fast the gradient turns along itself: the smoothness that gradient descent meets."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_positive
from lsgeo.operators import evaluation


@trees.frozen
class GradientSmoothness:
    """||g(w) - g(w - eta g)|| / (eta ||g||) for steps eta; see `gradient_smoothness`.

    Attributes:
      steps: (k,) the etas.
      values: (k,) in units of the Hessian; NaN where a gradient is not finite, or zero at w, or where the
        step is under the rounding of every parameter.
      rounding: (k,) what rounding of the gradients and of the step can make of it.
      gradient_norm: at w.
    """

    steps: np.ndarray
    values: np.ndarray
    rounding: np.ndarray
    gradient_norm: float

    @property
    def value(self) -> float:
        """The largest over the steps; NaN where one is."""
        return float(np.max(self.values))

    @property
    def num_gradients(self) -> int:
        """The cost."""
        return len(self.steps) + 1

    def __str__(self) -> str:
        return (
            f"effective smoothness {self.value:.4g} over steps {self.steps.min():.2g} to "
            f"{self.steps.max():.2g} ({self.num_gradients} gradients)"
        )


@accepts(params=as_params, batch=as_arrays)
def gradient_smoothness(
    loss: Callable[[Any, Any], jax.Array], params: Any, batch: Any = None, *, steps: Sequence[float]
) -> GradientSmoothness:
    """Measures the effective beta-smoothness along the gradient.

    The largest change of the gradient per distance, over steps against it (Santurkar, Tsipras, Ilyas and Madry
    2018, section 3.2). On a quadratic with Hessian H it is ||H g|| / ||g|| at every step, at most the largest
    |eigenvalue|; elsewhere at most the largest one on the way. Distances are those between parameters as they
    are stored: near a minimum a short step of float32 weights is mostly rounding, which `rounding` shows.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating arrays, w.
      batch: pytree handed to the loss.
      steps: step sizes eta, as learning rates.

    Returns:
      GradientSmoothness.

    Raises:
      ValueError: for no step, or one that is not positive and finite.
    """
    if not len(steps):
        raise ValueError("`steps` must hold at least one step size; got none.")
    for step in steps:
        check_positive(step, "steps")
    params, batch = jax.tree.map(jnp.asarray, (params, batch))
    loss = programs.traced(loss, "loss", params, batch)
    here = evaluation.gradient(loss, params, batch)
    size, eps = float(_sizes(here, here)[1]), trees.space_of(params).eps
    found = []
    for step in steps:
        point = _step(params, here, float(step))
        turned, norm = map(float, _sizes(here, evaluation.gradient(loss, point, batch)))
        moved, weight = map(float, _sizes(point, params))
        found.append((math.nan, math.nan))
        if size > 0 and moved > 0 and math.isfinite(turned) and math.isfinite(moved):
            value = turned / moved
            found[-1] = (value, eps * (size + norm + value * weight) / moved)
    values, rounding = np.asarray(found, np.float64).T
    return GradientSmoothness(np.asarray(steps, np.float64), values, rounding, size)


@jax.jit
def _step(params, gradient, step):
    return jax.tree.map(lambda w, g: w - (step * g).astype(w.dtype), params, gradient)


@jax.jit
def _sizes(here, there):
    change = jax.tree.map(jnp.subtract, here, there)
    return trees.norm(change), trees.norm(there)

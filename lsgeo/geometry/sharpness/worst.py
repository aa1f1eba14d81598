"""Worst-case sharpness: the most that a perturbation of given size can cost."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key, check_one_of, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._ascent import ascend
from lsgeo.geometry.sharpness._neighbourhood import BALLS, Neighbourhood
from lsgeo.geometry.surfaces._filters import Rule


@trees.frozen
class WorstSharpness:
    """The largest increase of the loss found in a ball, a lower bound; see `worst_sharpness`."""

    value: float
    starts: np.ndarray  # (num_starts,), the increase that each start reached
    gap: float  # what a linear loss would still gain within the ball; 0 at a stationary point
    loss: float  # at the centre
    radius: float
    num_gradients: int
    ball: str = trees.static()
    scaling: str = trees.static()
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"worst-case sharpness at least {self.value:.4g} (starts {self.starts.min():.4g} to "
            f"{self.starts.max():.4g}, gap {self.gap:.2g}; {self.ball}, radius {self.radius:g}, scaling "
            f"{self.scaling}; {_scalings.describe(self.invariant_under)}; {self.num_gradients} gradients)"
        )


@accepts(params=as_params, batch=as_arrays)
def worst_sharpness(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    radius: float,
    ball: str = "l2",
    scaling: str = "none",
    num_starts: int = 4,
    num_steps: int = 20,
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> WorstSharpness:
    """Bounds max loss(params + T z) - loss(params) over ||z|| <= radius from below.

    Foret et al. (2021); adaptive, with T = |w| or the filters' norms, Kwon et al. (2021).
    Projected gradient ascent from several starts finds a point of the ball, so the maximum is no lower than
    the value; that it is no higher is not certain. The spread of `starts` and the `gap` tell how far to trust
    it: starts that end apart, or a gap that is not small beside the value, ask for more of either. To second
    order, at a critical point and in the l2 ball, it is radius^2 lambda_max(T H T) / 2.

    Invariances: those of `average_sharpness`.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key of the starts.
      radius: in units of the parameters, or, scaled, of T.
      ball: "l2" or "linf".
      scaling: "none", "magnitude" or "filter".
      num_starts: the steepest step from the centre, and random points of the ball's surface.
      num_steps: gradients for each start.
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      WorstSharpness in units of the loss. A loss that is not finite stays so.

    Raises:
      ValueError: as `average_sharpness`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo.geometry import worst_sharpness
      >>> bowl = lambda w, batch: w[0] ** 2 + 0.5 * w[1] ** 2
      >>> found = worst_sharpness(bowl, jnp.zeros(2), key=jax.random.key(0), radius=0.1)
      >>> round(float(found.value), 5)
      0.01
    """
    check_key(key)
    check_positive(radius, "radius")
    check_count(num_starts, "num_starts")
    check_count(num_steps, "num_steps")
    check_one_of(ball, "ball", BALLS)
    at = Neighbourhood(loss, params, batch, batches, scaling, axes, count)
    values, gap = ascend(at, key, float(radius), ball, num_starts, num_steps)
    rises = values - at.centre
    return WorstSharpness(
        float(np.max(rises)),
        rises,
        gap,
        at.centre,
        float(radius),
        at.num_gradients,
        ball,
        scaling,
        _scalings.INVARIANCES[scaling],
    )

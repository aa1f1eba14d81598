"""The sharpness that sharpness-aware minimisation sees: one step up the gradient."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_one_of, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._ascent import dual_norm, steepest
from lsgeo.geometry.sharpness._neighbourhood import BALLS, Neighbourhood
from lsgeo.geometry.surfaces._filters import Rule


@trees.frozen
class SAMSharpness:
    """The increase of the loss over one steepest step; see `sam_sharpness`."""

    value: float
    first_order: float  # radius * ||T g||_*, what a linear loss would rise by
    rounding: float  # what rounding of the losses can make of the value
    loss: float  # at the centre
    radius: float
    num_evaluations: int
    ball: str = trees.static()
    scaling: str = trees.static()
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"SAM sharpness {self.value:.4g}, of which {self.first_order:.4g} by the gradient ({self.ball}, "
            f"radius {self.radius:g}, scaling {self.scaling}; {_scalings.describe(self.invariant_under)}; "
            f"{self.num_evaluations} evaluations)"
        )


@accepts(params=as_params, batch=as_arrays)
def sam_sharpness(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    radius: float = 0.05,
    ball: str = "l2",
    scaling: str = "none",
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> SAMSharpness:
    """Measures loss(params + step) - loss(params) for the steepest step of a given length.

    Foret et al. (2021), equation 2: step = radius g / ||g||, or radius sign(g) in the l-infinity ball. With
    T = |w| or the filters' norms, step = radius T (T g) / ||T g|| (Kwon et al. 2021). Of the ball it
    sees one point: a lower bound on the worst case. At a critical point there is no such step, and the value
    is 0 however sharp the minimum. On a quadratic it is radius ||g|| + radius^2 g'Hg / (2 ||g||^2).

    Invariances: those of `average_sharpness`.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      radius: in units of the parameters, or, scaled, of T. The default is the paper's for scaling "none"; for
        "magnitude" theirs is 0.5 to 2.
      ball: "l2" or "linf".
      scaling: "none", "magnitude" or "filter".
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      SAMSharpness in units of the loss; exact but for rounding.

    Raises:
      ValueError: as `average_sharpness`.
    """
    check_positive(radius, "radius")
    check_one_of(ball, "ball", BALLS)
    at = Neighbourhood(loss, params, batch, batches, scaling, axes, count)
    _, slope = at.value_and_gradient(jax.tree.map(jnp.zeros_like, at.params))
    raised = at.value(steepest(slope, float(radius), ball))
    return SAMSharpness(
        raised - at.centre,
        float(radius) * float(dual_norm(slope, ball)),
        at.rounding,
        at.centre,
        float(radius),
        at.num_evaluations,
        ball,
        scaling,
        _scalings.INVARIANCES[scaling],
    )

"""Keskar's sharpness: the worst case in a box, in per cent of the loss."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._ascent import ascend
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood


@trees.frozen
class KeskarSharpness:
    """100 (max f - f) / (1 + f), a lower bound; see `keskar_sharpness`."""

    value: float  # per cent
    starts: np.ndarray  # (num_starts,), per cent, what each start reached
    gap: float  # per cent, what a linear loss would still gain
    loss: float  # at the centre
    epsilon: float
    num_gradients: int
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"Keskar's sharpness at least {self.value:.4g} % (starts {self.starts.min():.4g} to "
            f"{self.starts.max():.4g}, gap {self.gap:.2g}; epsilon {self.epsilon:g}; "
            f"{_scalings.describe(self.invariant_under)}; {self.num_gradients} gradients)"
        )


@accepts(params=as_params, batch=as_arrays)
def keskar_sharpness(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    epsilon: float = 1e-3,
    num_starts: int = 4,
    num_steps: int = 20,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> KeskarSharpness:
    """Bounds 100 (max f(w + y) - f(w)) / (1 + f(w)) over |y_i| <= epsilon (|w_i| + 1) from below.

    Keskar et al. (2017), metric 2.1 in the whole space (their A the identity). Their ten iterations of
    L-BFGS-B are replaced by projected gradient ascent in the same box; see `worst_sharpness` for how far to
    trust it.

    Invariances: none. The 1 in the box keeps weights of zero moving, and ties the box to the scale of the
    weights: of two networks that are one function, the one with larger weights has the wider box.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples; non-negative.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key of the starts.
      epsilon: size of the box.
      num_starts: as `worst_sharpness`.
      num_steps: as `worst_sharpness`.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      KeskarSharpness, in per cent.

    Raises:
      ValueError: as `average_sharpness`, or if the loss is -1 or lower.
    """
    check_key(key)
    check_positive(epsilon, "epsilon")
    check_count(num_starts, "num_starts")
    check_count(num_steps, "num_steps")
    at = Neighbourhood(loss, params, batch, batches, "box", count=count)
    if at.centre <= -1:
        raise ValueError(
            f"`loss` must be above -1 for a sharpness relative to 1 + loss; got {at.centre}. Use "
            "`worst_sharpness`, which is absolute."
        )
    values, gap = ascend(at, key, float(epsilon), "linf", num_starts, num_steps)
    percent = 100 / (1 + at.centre)
    rises = percent * (values - at.centre)
    return KeskarSharpness(
        float(np.max(rises)),
        rises,
        percent * gap,
        at.centre,
        float(epsilon),
        at.num_gradients,
        _scalings.INVARIANCES["box"],
    )

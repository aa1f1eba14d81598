"""Average-case sharpness: what a random perturbation costs."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_key, check_one_of, check_positive
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood
from lsgeo.geometry.surfaces._filters import Rule
from lsgeo.interval import Estimate
from lsgeo.spectra.krylov import probes


@trees.frozen
class AverageSharpness:
    """The expected increase of the loss under a random perturbation; see `average_sharpness`."""

    value: float
    standard_error: float
    degrees_of_freedom: float
    rounding: float  # what rounding of the losses can make of the value
    loss: float  # at the centre
    radius: float
    num_evaluations: int
    ball: str = trees.static()
    scaling: str = trees.static()
    invariant_under: tuple[str, ...] = trees.static()

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's interval about the value, widened by the rounding."""
        return Estimate(
            self.value,
            self.standard_error,
            self.num_evaluations,
            self.degrees_of_freedom,
            self.rounding,
        ).interval(confidence)

    def __str__(self) -> str:
        return (
            f"average sharpness {self.value:.4g} ± {self.standard_error:.2g} ({self.ball}, radius "
            f"{self.radius:g}, scaling {self.scaling}; {_scalings.describe(self.invariant_under)}; "
            f"{self.num_evaluations} evaluations)"
        )


@accepts(params=as_params, batch=as_arrays)
def average_sharpness(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    radius: float,
    ball: str = "l2",
    scaling: str = "none",
    num_pairs: int = 16,
    batches: Iterable | None = None,
    axes: str | Rule | None = None,
    count: Callable[[Any], Any] | None = None,
) -> AverageSharpness:
    """Estimates E[loss(params + radius * T z)] - loss(params), z random and T given by `scaling`.

    Andriushchenko et al. (2023), with and without their adaptive T = |w|; for their Gaussian
    take ball="gaussian". To second order in the radius it is

      "l2", z uniform on the unit sphere:     radius^2 tr(T H T) / (2 n)
      "linf", z uniform in the cube [-1, 1]^n: radius^2 tr(T H T) / 6
      "gaussian", z standard normal:           radius^2 tr(T H T) / 2

    for H the Hessian and n the number of parameters. Perturbations come in pairs +z and -z, in which the
    gradient cancels, so that the estimate has no noise of first order.

    Invariances: with scaling "none", none; "magnitude", layer and unit rescaling, norm-fed weights; "filter",
    layer rescaling and norm-fed weights (see `lsgeo.geometry.sharpness._scalings`).

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key; a leaf's part of z depends on it and on the leaf's path and shape alone.
      radius: in units of the parameters, or, scaled, of T.
      ball: "l2", "linf" or "gaussian".
      scaling: "none", "magnitude" or "filter".
      num_pairs: pairs of perturbations, two evaluations each.
      batches: instead of `batch`, batches that can be iterated again and again.
      axes: where filters lie, if they cannot be read off the loss; see `normalize_direction`.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      AverageSharpness in units of the loss. A loss that is not finite stays so.

    Raises:
      ValueError: if an argument is out of range or unknown, or the loss is not a finite real scalar at
        params, is random, or, streamed, is no mean over examples.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo.geometry import average_sharpness
      >>> bowl = lambda w, batch: 0.5 * jnp.sum(w**2)
      >>> found = average_sharpness(bowl, jnp.ones(3), key=jax.random.key(0), radius=0.1)
      >>> round(float(found.value), 6)
      0.005
    """
    check_key(key)
    check_positive(radius, "radius")
    check_count(num_pairs, "num_pairs", 2)
    check_one_of(ball, "ball", _DRAWS)
    at = Neighbourhood(loss, params, batch, batches, scaling, axes, count)
    samples = pair_increases(at, key, radius, ball, num_pairs)
    value, error = probes.mean_and_error(samples)
    return AverageSharpness(
        float(value),
        float(error),
        probes.degrees_of_freedom(samples),
        at.rounding,
        at.centre,
        float(radius),
        at.num_evaluations,
        ball,
        scaling,
        _scalings.INVARIANCES[scaling],
    )


def pair_increases(
    at: Neighbourhood, key: jax.Array, radius: float, ball: str, num_pairs: int
) -> np.ndarray:
    """Returns (loss(+z) + loss(-z)) / 2 - loss(0) of pairs of perturbations, [num_pairs].

    The pairs are those of the key whatever the radius.
    """
    samples = np.empty(num_pairs)
    for i in range(num_pairs):
        z = _DRAWS[ball](at.normal(jax.random.fold_in(key, i)))
        samples[i] = (at.value(z, radius) + at.value(z, -radius)) / 2 - at.centre
    return samples


@jax.jit
def _on_sphere(normal):
    size = trees.norm(normal)
    return jax.tree.map(lambda leaf: (leaf / size).astype(leaf.dtype), normal)


# The normal distribution function makes a standard normal number uniform.
_in_cube = jax.jit(
    lambda normal: jax.tree.map(
        lambda leaf: jax.lax.erf(leaf / jnp.sqrt(2).astype(leaf.dtype)), normal
    )
)
_DRAWS = {"l2": _on_sphere, "linf": _in_cube, "gaussian": lambda normal: normal}

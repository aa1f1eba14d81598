"""Newton's method on the gradient, by minimal residuals: finds saddles as it finds minima."""

import math
from typing import Any

from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_fraction
from lsgeo.geometry.critical import search
from lsgeo.geometry.critical._krylov import minimal_residual
from lsgeo.geometry.critical.search import FoundPoint, Loss, Progress, Search

ARMIJO = 1e-4
SHORTEST = 2.0**-30
KERNEL = 1e-5  # share of ||g||^2 outside the kernel of H below which nothing is left to remove


@accepts(params=as_params, batch=as_arrays)
def newton_mr(
    loss: Loss,
    params: Any,
    batch: Any = None,
    *,
    tol: float = 1e-6,
    num_steps: int = 300,
    inner_tol: float = 1e-2,
    inner_steps: int = 30,
    progress: Progress | None = None,
) -> FoundPoint:
    """Searches for a critical point of any index by Newton-MR.

    Roosta, Liu, Xu and Mahoney (2018): the step p minimises ||H p + g||, so that it exists where H is
    indefinite or singular, and is shortened until ||g||^2 has fallen by Armijo's share of what p
    promises, ||g(x + a p)||^2 <= ||g||^2 + 2e-4 a <H p, g>. Where g lies in the kernel of H no
    direction promises anything: the point is gradient-flat, and the search ends there for that reason (Frye
    et al. 2021). p comes from the Krylov space of H and g, its basis kept, so that it has a minimal residual
    exactly.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples, twice differentiable; pure.
      params: where to start, pytree of floating-point arrays.
      batch: pytree of arrays handed to the loss.
      tol: ends where the gradient norm is no more than this share of the first one.
      num_steps: Newton steps at most.
      inner_tol: the residual ||H p + g|| that ends a step's products, relative to ||g||.
      inner_steps: products at most of one step; so many vectors are kept on the device. Few of them also
        keep a step short along small eigenvalues, where a long one only halves itself in the line search.
      progress: progress(steps done, num_steps, gradient norm).

    Returns:
      FoundPoint.

    Raises:
      ValueError: as `hessian`, or if an argument is out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import newton_mr
      >>> saddle = lambda w, batch: 1 + w[0] ** 2 - w[1] ** 2 + w[1] ** 4
      >>> found = newton_mr(saddle, jnp.array([0.3, 0.1]))
      >>> found.converged, bool(jnp.abs(found.params).max() < 1e-5)
      (True, True)
    """
    check_fraction(inner_tol, "inner_tol")
    check_count(inner_steps, "inner_steps")
    options = {"tol": tol, "num_steps": num_steps, "progress": progress}
    return Search(loss, params, batch, **options).walk(_step, inner_steps, inner_tol)


def _step(walk, space):
    place = walk.place
    weights, _, promise = minimal_residual(space, walk.noise)
    if -promise <= KERNEL * place.norm**2:
        return search.FLAT
    direction, rate = space.combine(weights), 1.0
    while rate >= SHORTEST:
        trial = walk.at(search.moved(place.x, rate, direction))
        bound = place.norm**2 + 2 * ARMIJO * rate * promise
        if math.isfinite(trial.norm) and trial.norm**2 <= bound:
            return trial if trial.norm < place.norm else search.STALLED
        rate /= 2
    return search.STALLED

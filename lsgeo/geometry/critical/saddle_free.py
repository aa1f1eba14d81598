"""Saddle-free Newton: descends past saddles as fast along their negative as along their positive curvature."""

import math
from typing import Any

import numpy as np

from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count
from lsgeo.geometry.critical import search
from lsgeo.geometry.critical.search import FoundPoint, Loss, Progress, Search

DAMPINGS = 10.0 ** np.arange(1, -7, -1.0)  # in units of the largest |Ritz value|
ROUNDING = 8


@accepts(params=as_params, batch=as_arrays)
def saddle_free_newton(
    loss: Loss,
    params: Any,
    batch: Any = None,
    *,
    tol: float = 1e-6,
    num_steps: int = 100,
    inner_steps: int = 50,
    progress: Progress | None = None,
) -> FoundPoint:
    """Searches for a critical point by saddle-free Newton steps, which leave every saddle that they can see.

    Dauphin et al. (2014, algorithm 1): p = -(|H| + d)^-1 g in a Krylov space, |H| with the absolute
    values of the eigenvalues, and d the damping, out of 10, 1, ..., 1e-6 times the largest |Ritz value|,
    whose step has the lowest loss. Departures: the space starts at the gradient, which so has no part
    outside of it; and a step is taken only where it lowers the loss, or lowers the gradient norm at the
    same loss but for rounding. It ends in saddles only where the gradient has no part along their negative
    curvature.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples, twice differentiable; pure.
      params: where to start, pytree of floating-point arrays.
      batch: pytree of arrays handed to the loss.
      tol: ends where the gradient norm is no more than this share of the first one.
      num_steps: steps at most.
      inner_steps: dimension of the Krylov space, one product each; so many vectors are kept on the device.
      progress: progress(steps done, num_steps, gradient norm).

    Returns:
      FoundPoint.

    Raises:
      ValueError: as `hessian`, or if an argument is out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import saddle_free_newton
      >>> saddle = lambda w, batch: 1 + w[0] ** 2 - w[1] ** 2 + w[1] ** 4
      >>> found = saddle_free_newton(saddle, jnp.array([0.3, 0.1]))
      >>> found.converged, round(float(found.params[1]), 4)  # a minimum: 1 / sqrt(2)
      (True, 0.7071)
    """
    check_count(inner_steps, "inner_steps")
    options = {"tol": tol, "num_steps": num_steps, "progress": progress}
    return Search(loss, params, batch, **options).walk(_step, inner_steps)


def _step(walk, space):
    values, vectors = np.linalg.eigh(space.matrix)
    sizes = np.abs(values)
    if not sizes.max():
        return search.STALLED
    slopes = -space.size * vectors[0]
    steps = (vectors @ (slopes / (sizes + d * sizes.max())) for d in DAMPINGS)
    trials = [walk.at(search.moved(walk.place.x, 1.0, space.combine(step))) for step in steps]
    return _best(walk.place, trials, walk.space.eps) or search.STALLED


def _best(place, trials, eps):
    finite = [t for t in trials if math.isfinite(t.loss) and math.isfinite(t.norm)]
    rounding = ROUNDING * eps * abs(place.loss)
    lower = [t for t in finite if t.loss < place.loss - rounding]
    if lower:
        return min(lower, key=lambda t: t.loss)
    level = [t for t in finite if t.loss <= place.loss + rounding and t.norm < place.norm]
    return min(level, key=lambda t: t.norm, default=None)

"""Minimises the gradient norm: the plainest search for critical points, and the most easily deceived."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import optimize

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.geometry.critical import search
from lsgeo.geometry.critical.search import FoundPoint, Loss, Progress, Search

LOOKS = 20  # evaluations of a line search at most
FLAT = 1e-4  # share of the steepest ||H g|| / ||g|| of a search below which ||g||^2 counts as stationary


@accepts(params=as_params, batch=as_arrays)
def minimize_gradient_norm(
    loss: Loss,
    params: Any,
    batch: Any = None,
    *,
    tol: float = 1e-6,
    num_steps: int = 500,
    progress: Progress | None = None,
) -> FoundPoint:
    """Searches for a critical point of any index by minimising ||g||^2 / 2, whose gradient is H g.

    The auxiliary objective of Pennington and Bahri (2017) and others, by SciPy's L-BFGS-B (Byrd et al. 1995)
    with its line search. It is stationary wherever H g = 0, also where g is not zero: at gradient-flat points,
    of which Frye et al. (2021) found most of its ends to be. Its condition is the square of the Hessian's.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples, twice differentiable; pure.
      params: where to start, pytree of floating-point arrays.
      batch: pytree of arrays handed to the loss.
      tol: ends where the gradient norm is no more than this share of the first one.
      num_steps: iterations at most; each costs a gradient and a product, rarely more.
      progress: progress(steps done, num_steps, gradient norm).

    Returns:
      FoundPoint.

    Raises:
      ValueError: as `hessian`, or if an argument is out of range.

    Example:
      >>> import jax.numpy as jnp
      >>> from lsgeo.geometry import minimize_gradient_norm
      >>> saddle = lambda w, batch: 1 + w[0] ** 2 - w[1] ** 2 + w[1] ** 4
      >>> found = minimize_gradient_norm(saddle, jnp.array([0.3, 0.1]))
      >>> found.converged, bool(jnp.abs(found.params).max() < 1e-5)
      (True, True)
    """
    walk = Search(loss, params, batch, tol=tol, num_steps=num_steps, progress=progress)
    if walk.converged:
        return walk.found(search.CONVERGED)
    objective = _Objective(walk)

    def after(intermediate_result):
        walk.add(objective.place_at(intermediate_result.x))
        if walk.converged:
            raise StopIteration

    optimize.minimize(
        objective,
        np.asarray(walk.place.x, np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={
            "maxiter": num_steps,
            "maxfun": LOOKS * num_steps,
            "maxls": LOOKS,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    if walk.exhausted:
        return walk.found(search.EXHAUSTED)
    return walk.found(search.FLAT if objective.is_flat else search.STALLED)


class _Objective:
    # ||g||^2 / 2 in units of its first value, so that the search is the same at every scale of the loss.

    def __init__(self, walk):
        self.walk, self.unit = walk, walk.place.norm
        self.places = {}
        self.steepest = self.slope = 0.0

    def __call__(self, x):
        place = self.walk.at(jnp.asarray(x, self.walk.space.dtype))
        self.places = {x.tobytes(): place, **dict(list(self.places.items())[:LOOKS])}
        if not np.isfinite(place.norm):
            return np.inf, np.zeros_like(x)
        slope = self.walk.hessian(place.x).flat_product(place.gradient)
        self.walk.num_matvecs += 1
        self.slope = float(trees.norm(slope)) / place.norm if place.norm else 0.0
        self.steepest = max(self.steepest, self.slope)
        return (place.norm / self.unit) ** 2 / 2, np.asarray(slope, np.float64) / self.unit**2

    def place_at(self, x):
        return self.places.get(x.tobytes()) or self.walk.at(jnp.asarray(x, self.walk.space.dtype))

    @property
    def is_flat(self):
        return self.slope <= FLAT * self.steepest

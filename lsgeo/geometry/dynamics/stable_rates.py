"""The largest learning rate with which training does not blow up, found by training."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_fraction, check_key, check_positive
from lsgeo.geometry.dynamics.descent import Optimizer, init, update
from lsgeo.geometry.dynamics.limits import ends_below
from lsgeo.operators import hessian
from lsgeo.spectra import extreme_eigenpairs


@trees.frozen
class LargestStableRate:
    """The learning rate between stable and unstable training; see `largest_stable_rate`.

    Attributes:
      stable: the largest rate tried from below whose training ended below the loss that it began at.
      unstable: the smallest one tried from above whose did not.
      predicted: the rate that the Hessian's largest eigenvalue at the start gives, NaN where none is positive.
      sharpness: that eigenvalue, loss / parameter^2.
      residual: an eigenvalue lies within so much of it.
      num_steps: of each training.
      num_gradients: the cost of all of them.
      num_matvecs: Hessian products of the eigenvalue.
    """

    stable: float
    unstable: float
    predicted: float
    sharpness: float
    residual: float
    num_steps: int
    num_gradients: int
    num_matvecs: int

    @property
    def ratio(self) -> float:
        """The middle of the two rates over the predicted one; 1 on a quadratic."""
        return float(np.sqrt(self.stable * self.unstable) / self.predicted)

    def __str__(self) -> str:
        return (
            f"LargestStableRate: {self.stable:.4g} to {self.unstable:.4g}, {self.ratio:.3g} times the "
            f"{self.predicted:.4g} of the curvature at the start ({self.num_steps} steps each; "
            f"{self.num_gradients} gradients, {self.num_matvecs} products)"
        )


@accepts(params=as_params, batch=as_arrays)
def largest_stable_rate(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    optimizer: Optimizer = optax.sgd,
    limit: float = 2.0,
    num_steps: int = 200,
    tol: float = 0.01,
) -> LargestStableRate:
    """Finds by bisection the learning rate from which on full-batch training ends above where it began.

    Training is unstable if a loss is not finite or, on average over the last tenth of the steps, above that of
    the start. On a quadratic that is the rate limit / lambda_max, and for gradient descent ln(1/s) / (4
    num_steps) of it more, where s is the share of the loss along the sharpest direction. Elsewhere it measures
    what the quadratic leaves out: above the predicted rate training may find its way to a flatter place (the
    catapult of Lewkowycz et al. 2020). The set of stable rates need not be an interval; what is found is one of
    its ends.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays, where each training starts.
      batch: pytree handed to the loss.
      key: typed random key for the eigenvalue.
      optimizer: optimizer(learning_rate), as `descend`; not Adam, whose steps do not scale with the gradient.
      limit: learning rate times sharpness at which it becomes unstable: stability_limit(name, 1.0).
      num_steps: steps of each training.
      tol: gap between `stable` and `unstable`, relative to them.

    Returns:
      LargestStableRate.

    Raises:
      ValueError: for a number out of range, a loss that cannot fall (its gradient is zero at the start), or no
        end within a factor of 2^20 of the predicted rate.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo.geometry import largest_stable_rate
      >>> bowl = lambda w, _: jnp.sum(jnp.array([0.5, 2.0]) * w**2)
      >>> found = largest_stable_rate(bowl, jnp.ones(2), key=jax.random.key(0))
      >>> round(found.sharpness, 3), round(found.ratio, 1)
      (4.0, 1.0)
    """
    check_key(key)
    check_positive(limit, "limit")
    check_count(num_steps, "num_steps")
    check_fraction(tol, "tol")
    loss = programs.traced(loss, "loss", params, batch)
    op = hessian(loss, params, batch)
    pairs = extreme_eigenpairs(op, key=key, top=1, bottom=0)
    trial = _Trial(optimizer, loss, params, batch, num_steps)
    sharpness = float(pairs.values[-1])
    predicted = limit / sharpness if sharpness > 0 else float("nan")
    low, high = _bracket(trial, predicted if sharpness > 0 else 1.0)
    while high > (1 + tol) * low:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if trial.stable(middle) else (low, middle)
    residual = float(pairs.residuals[-1])
    counts = num_steps, trial.num_gradients, pairs.num_matvecs
    return LargestStableRate(low, high, predicted, sharpness, residual, *counts)


class _Trial:
    def __init__(self, optimizer, loss, params, batch, num_steps):
        self._optimizer, self._loss, self._params, self._batch = optimizer, loss, params, batch
        self._num_steps, self.num_gradients = num_steps, 0
        self._dtype = trees.space_of(params).dtype

    def stable(self, rate):
        rate, params = jnp.asarray(rate, self._dtype), self._params
        state, losses = init(self._optimizer, params, rate), []
        for step in range(self._num_steps + 1):
            params, state, value = update(
                self._optimizer, self._loss, params, state, self._batch, rate
            )
            losses.append(value)
            self.num_gradients += 1
            if step % 20 == 0 and not np.isfinite(float(value)):
                return False
        return ends_below(np.asarray(losses, np.float64))


def _bracket(trial, rate):
    low = high = rate
    if trial.stable(rate):
        for _ in range(20):
            low, high = high, 2 * high
            if not trial.stable(high):
                return low, high
        raise ValueError(
            f"`loss` falls with every learning rate up to {high:.3g}: there is no largest stable one to be "
            "found. Take more steps."
        )
    for _ in range(20):
        low, high = low / 2, low
        if trial.stable(low):
            return low, high
    raise ValueError(
        f"`loss` does not fall with any learning rate down to {low:.3g}: its gradient at `params` is zero or "
        "under its rounding. Start elsewhere."
    )

"""One training as a race to a loss: how many steps it takes, and whether its learning rate is a stable one.

result = race(loss, params, data, recipe, 0.5, key=key)
largest = narrow_stable_rate(lambda rate: race(...).stable, rates, stable)
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from lsgeo import training
from lsgeo.geometry.dynamics.limits import ends_below, mean_at_end

PyTree = Any
LEARNED = 0.99  # A network that has learnt ends below this share of its bound.


@dataclasses.dataclass(frozen=True)
class Race:
    """One training; see `race`.

    Attributes:
      steps: updates to the loss; infinite if it was not reached.
      stable: whether training reached the loss or ended below its bound, see `race`.
      first: training loss at initialisation.
      highest: highest finite loss of all that were measured.
      last: mean loss of the last tenth of the steps, NaN or infinite if training diverged.
      params: the last ones with a finite loss; where the loss was reached, the first that reach it.
    """

    steps: float
    stable: bool
    first: float
    highest: float
    last: float
    params: PyTree

    def __str__(self) -> str:
        end = f"{self.steps:.0f} steps" if math.isfinite(self.steps) else "not reached"
        return f"{end}, loss {self.first:.4g} to {self.last:.4g}, {'' if self.stable else 'not '}stable"


def race(
    loss: Callable[[PyTree, PyTree], jax.Array],
    params: PyTree,
    data: PyTree,
    recipe: training.Recipe,
    target: float,
    *,
    key: jax.Array,
    bound: float = math.inf,
    **options: Any,
) -> Race:
    """Trains until the loss on all examples is at most `target`, or the recipe's steps are made.

    A learning rate is called stable here if the loss ends, on average over the last tenth of its measurements,
    below 0.99 of the loss at initialisation and of `bound`. With the loss of the best constant prediction as
    `bound`, that counts a network as unstable whose units all died: the usual end of too large a step in a ReLU
    network, where nothing overflows. A loss that first rises and then finds a flatter place (the catapult of
    Lewkowycz et al. 2020) is stable, so that the largest stable rate of a network may lie far above 2 /
    lambda_max; on a quadratic it is that.

    Args:
      loss: as in `lsgeo.training.fit`, to which all else goes.
      params: initial parameters.
      data: batch of all training examples.
      recipe: how; its snapshots and `stop_loss` are replaced. With the full batch every step's loss is seen,
        with mini-batches every `eval_every`-th.
      target: training loss, the end of the race.
      key: typed random key of the order of the examples.
      bound: loss that a network which has learnt is below, such as `constant_loss(labels)`.
      **options: of `lsgeo.training.fit`; with mini-batches, `evaluate`.

    Returns:
      Race.

    Raises:
      ValueError: if `target` is not positive or no end to reach, or as `lsgeo.training.fit`.
    """
    if not 0 < target < math.inf:
        raise ValueError(f"`target` must be positive and finite; got {target!r}.")
    recipe = dataclasses.replace(
        recipe,
        stop_loss=target,
        loss_levels=(),
        snapshot_steps=(),
        snapshot_epochs=(),
        eval_every=recipe.eval_every if recipe.batch_size else 1,
        save_every=0,
    )
    heard = _Losses()
    start = training.start(params, recipe)
    found = training.fit(loss, start, data, recipe, key=key, observer=heard, **options)
    losses = np.asarray(heard.losses)
    if losses[0] <= target:
        raise ValueError(
            f"`target` must be below the loss at initialisation, {losses[0]:.4g}; got {target!r}."
        )
    reached = found.status == "stopped"
    last = found.loss if reached else mean_at_end(losses)
    stable = reached or ends_below(losses, bound=bound, share=LEARNED)
    return Race(
        steps=found.step if reached else math.inf,
        stable=stable,
        first=float(losses[0]),
        highest=float(np.max(losses[np.isfinite(losses)], initial=-math.inf)),
        last=last,
        params=found.params,
    )


def constant_loss(labels: np.ndarray) -> float:
    """The cross-entropy of the best constant prediction: the entropy of the labels [N], in nats."""
    shares = np.bincount(np.asarray(labels)) / len(labels)
    shares = shares[shares > 0]
    return float(-np.sum(shares * np.log(shares)))


@dataclasses.dataclass(frozen=True)
class StableRate:
    """The largest learning rate with which training is stable; see `narrow_stable_rate`.

    Attributes:
      stable: the largest rate that was tried and stable; 0 if none was.
      unstable: the smallest one above it that was not; infinite if none was.
      num_tried: trainings, those of the grid left out.
      holes: rates of the grid below `stable` that were unstable: the stable rates are no interval.
    """

    stable: float
    unstable: float
    num_tried: int
    holes: int

    @property
    def at_edge(self) -> bool:
        """Whether the grid does not hold both a stable rate and an unstable one above it."""
        return self.stable == 0 or math.isinf(self.unstable)

    def __str__(self) -> str:
        if self.stable == 0:
            return f"no stable learning rate below {self.unstable:.4g}: extend the grid downwards"
        if math.isinf(self.unstable):
            return f"stable up to {self.stable:.4g} at least: extend the grid upwards"
        return f"stable up to {self.stable:.4g}, not at {self.unstable:.4g}"


def narrow_stable_rate(
    is_stable: Callable[[float], bool],
    rates: Sequence[float],
    stable: Sequence[bool],
    *,
    num_bisections: int = 3,
) -> StableRate:
    """Narrows the end of the stable learning rates down, from a grid, by bisection on a logarithmic scale.

    Args:
      is_stable: is_stable(rate) trains and tells.
      rates: the grid, ascending, [R].
      stable: of the grid's rates, whether they are, [R].
      num_bisections: trainings; each halves the logarithm of unstable / stable.

    Returns:
      StableRate; at the edge of the grid nothing is tried.

    Raises:
      ValueError: if the rates do not ascend, or the lists differ in length.
    """
    rates = check_rates(rates)
    stable = np.asarray(stable, bool)
    if stable.shape != rates.shape:
        raise ValueError(
            f"`rates` and `stable` must be as long; got {rates.shape}, {stable.shape}."
        )
    best = int(np.flatnonzero(stable)[-1]) if stable.any() else -1
    low = float(rates[best]) if best >= 0 else 0.0
    high = float(rates[best + 1]) if best + 1 < len(rates) else math.inf
    holes = int(np.sum(~stable[: max(best, 0)]))
    tries = num_bisections if low and math.isfinite(high) else 0
    for _ in range(tries):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if is_stable(middle) else (low, middle)
    return StableRate(low, high, tries, holes)


def check_rates(rates: Sequence[float], name: str = "rates") -> np.ndarray:
    """Returns the rates as an array [R], or raises a ValueError unless they are positive and ascend."""
    array = np.asarray(rates, np.float64)
    if array.ndim != 1 or not array.size or array[0] <= 0 or np.any(np.diff(array) <= 0):
        raise ValueError(f"`{name}` must be positive and ascending; got {rates!r}.")
    return array


class _Losses(training.Observer):
    def __init__(self):
        self.losses = []

    def on_loss(self, step, loss):
        self.losses.append(loss)

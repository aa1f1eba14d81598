"""The local learning coefficient: how many parameters the loss sees, degenerate ones counted in part."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_count, check_fraction, check_key, check_positive
from lsgeo.draws import random_direction
from lsgeo.geometry.sharpness import _scalings
from lsgeo.geometry.sharpness._neighbourhood import Neighbourhood
from lsgeo.operators.products import examples as ex
from lsgeo.operators.products import streaming

ACCEPTANCE = 0.574  # best for Langevin proposals (Roberts and Rosenthal 1998)


@trees.frozen
class LearningCoefficient:
    """An estimate of the local learning coefficient; see `learning_coefficient`."""

    value: float
    standard_error: float  # from the spread of the chains
    lower: float
    upper: float
    confidence: float
    chains: np.ndarray  # (num_chains,), the estimate of each
    drift: float  # second half of the chains minus the first, in standard errors of that difference
    acceptance: np.ndarray  # (num_chains,), share of the proposals
    loss: float  # at the centre
    scale: float  # what the loss is multiplied by, n beta
    localization: float
    num_gradients: int
    invariant_under: tuple[str, ...] = trees.static()

    def __str__(self) -> str:
        return (
            f"local learning coefficient {self.value:.4g} in [{self.lower:.4g}, {self.upper:.4g}] "
            f"({100 * self.confidence:g} % confidence; {len(self.chains)} chains, acceptance "
            f"{self.acceptance.mean():.2f}, drift {self.drift:.1f}; n beta {self.scale:.4g}, localization "
            f"{self.localization:g}; {_scalings.describe(self.invariant_under)}; "
            f"{self.num_gradients} gradients)"
        )


@accepts(params=as_params, batch=as_arrays)
def learning_coefficient(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    localization: float = 100.0,
    scale: float | None = None,
    num_chains: int = 4,
    num_burn_in: int = 200,
    num_draws: int = 400,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> LearningCoefficient:
    """Estimates n beta (E[loss(w)] - loss(params)) for w about params, distributed by the tempered posterior.

    Its density is proportional to exp(-n beta loss(w) - localization ||w - params||^2 / 2), with beta =
    1 / ln n (Lau et al. 2023). At a regular minimum it is half the number of parameters; a singular one has
    less: w^(2a) gives 1 / (2a). The localization keeps the chains near and takes its part: a direction of
    curvature h counts n beta h / (n beta h + localization) / 2, a flat one nothing.

    The paper's stochastic gradient Langevin dynamics has a bias of the order of its step. Here the gradient
    is that of all the data and each step passes the test of Metropolis, which removes it; the drift is
    truncated (Roberts and Tweedie 1996), without which a chain in w^4 stands still for thousands of steps.
    The step size is tuned to an acceptance of 0.574 in the burn-in alone. Chains start at params, independent
    of each other; Student's interval is that of their spread. It does not cover a burn-in that is too short,
    nor chains that hardly move: a `drift` beyond about 3, or acceptances far apart, say so; where a chain never
    moved it is the whole line. A negative value
    says that params is no minimum.

    Invariances: the learning coefficient itself is invariant under every smooth change of the parameters, this
    estimate under none, for the localization measures distance in the parameters.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key.
      localization: the prior's precision about params, in 1 / parameter^2.
      scale: n beta; None takes n / ln n for the n examples, at least 3 of them.
      num_chains: independent chains, at least 2.
      num_burn_in: steps of a chain that are left out.
      num_draws: further steps, which are averaged.
      confidence: of the interval.
      progress: called as progress(done, total), in chains.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`; n is the examples all the same.

    Returns:
      LearningCoefficient, in parameters.

    Raises:
      ValueError: as `average_sharpness`, or if there is neither data nor `scale`.
    """
    check_key(key)
    check_count(num_chains, "num_chains", 2)
    check_count(num_burn_in, "num_burn_in")
    check_count(num_draws, "num_draws", 2)
    check_positive(localization, "localization")
    check_fraction(confidence, "confidence")
    if batches is not None:
        batches = streaming.Batches.of(batches, batch, count)
    scale = _scale(batch, batches) if scale is None else scale
    check_positive(scale, "scale")
    at = Neighbourhood(loss, params, batch, batches, count=count)
    traces, rates = [], []
    for i in range(num_chains):
        chain = _Chain(at, jax.random.fold_in(key, i), float(scale), float(localization))
        chain.run(num_burn_in, tune=True)
        losses = chain.run(num_draws, tune=False)
        traces.append(scale * (losses - at.centre))
        rates.append(chain.acceptance)
        if progress is not None:
            progress(i + 1, num_chains)
    return _summary(np.array(traces), np.array(rates), at, scale, localization, confidence)


def _summary(traces, rates, at, scale, localization, confidence):
    chains = traces.mean(axis=1)
    count = len(chains)
    # A chain that never moved is no draw, and the chains' agreement no evidence.
    error = float(chains.std(ddof=1) / math.sqrt(count)) if rates.all() else math.inf
    width = error * float(stats.t.ppf(0.5 + confidence / 2, count - 1))
    half = traces.shape[1] // 2
    change = traces[:, half:].mean(axis=1) - traces[:, :half].mean(axis=1)
    spread = float(change.std(ddof=1) / math.sqrt(count))
    value = float(chains.mean())
    return LearningCoefficient(
        value,
        error,
        value - width,
        value + width,
        confidence,
        chains,
        float(change.mean()) / spread if spread else math.nan,
        rates,
        at.centre,
        float(scale),
        float(localization),
        at.num_gradients,
        (),
    )


def _scale(batch, batches):
    if batch is None and batches is None:
        raise ValueError("without data, `scale`, which is n / ln n for n examples, must be given.")
    num = ex.num_examples(batch) if batches is None else batches.total
    if num < 3:
        raise ValueError(f"`scale` must be given for fewer than 3 examples; got {num}.")
    return num / math.log(num)


class _Chain:
    # Metropolis-adjusted Langevin steps; z is the place relative to the centre.

    def __init__(self, at, key, scale, localization):
        self._at, self._key = at, key
        self._scale, self._pull = scale, localization
        self._z = jax.tree.map(jnp.zeros_like, at.params)
        self._loss, self._slope = at.value_and_gradient(self._z)
        self._log_step = -math.log(localization)
        self._steps = self._accepted = self._counted = 0

    @property
    def acceptance(self):
        return self._accepted / self._counted

    def run(self, count, *, tune):
        losses = np.empty(count)
        self._accepted = self._counted = 0
        for i in range(count):
            chance = self._step()
            if tune:
                # Robbins and Monro (1951): gains that sum to infinity, their squares do not.
                self._log_step += (chance - ACCEPTANCE) * min(1.0, (10 / (i + 1)) ** 0.7)
            losses[i] = self._loss
        return losses

    def _step(self):
        step, key = math.exp(self._log_step), jax.random.fold_in(self._key, self._steps)
        self._steps += 1
        noise, uniform = _noise(self._at.params, key)
        z = _propose(self._z, self._slope, noise, self._scale, self._pull, step)
        loss, slope = self._at.value_and_gradient(z)
        rest = _log_ratio(self._z, self._slope, z, slope, self._scale, self._pull, step)
        log_chance = self._scale * (self._loss - loss) + float(rest)
        # A loss that is NaN or infinite is outside: never accepted.
        chance = math.exp(min(0.0, log_chance)) if log_chance == log_chance else 0.0
        self._counted += 1
        if float(uniform) < chance:
            self._accepted += 1
            self._z, self._loss, self._slope = z, loss, slope
        return chance


@jax.jit
def _noise(params, key):
    along, accept = jax.random.split(key)
    return random_direction(params, key=along), jax.random.uniform(accept)


def _drift(z, slope, scale, pull, step):
    force = jax.tree.map(lambda x, g: scale * g + pull * x, z, slope)
    # No longer than the noise is on average, or steep walls would hold a chain for ever.
    size = sum(leaf.size for leaf in jax.tree.leaves(z))
    length, most = step / 2 * trees.norm(force), jnp.sqrt(step * size)
    short = jnp.where(length > most, most / jnp.where(length > 0, length, 1), 1)
    return jax.tree.map(lambda x, f: x - step / 2 * short * f, z, force)


@jax.jit
def _propose(z, slope, noise, scale, pull, step):
    mean = _drift(z, slope, scale, pull, step)
    return jax.tree.map(lambda m, e: (m + jnp.sqrt(step) * e).astype(e.dtype), mean, noise)


@jax.jit
def _log_ratio(old, old_slope, new, new_slope, scale, pull, step):
    # Of the proposals there and back and of the prior; the loss is added in double precision outside.
    def miss(start, slope, end):
        gap = jax.tree.map(jnp.subtract, end, _drift(start, slope, scale, pull, step))
        return trees.vdot(gap, gap) / (2 * step)

    prior = pull / 2 * (trees.vdot(old, old) - trees.vdot(new, new))
    return prior + miss(old, old_slope, new) - miss(new, new_slope, old)

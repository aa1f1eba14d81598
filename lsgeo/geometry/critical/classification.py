"""What kind of point is this: a minimum, a saddle, a gradient-flat point, or none of them?"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_fraction, check_key
from lsgeo.geometry.critical._degenerate import falls_along_kernel
from lsgeo.geometry.critical._krylov import krylov
from lsgeo.interval import says_nothing
from lsgeo.operators import value_gradient_hessian
from lsgeo.operators.evaluation import evaluate
from lsgeo.operators.products import streaming
from lsgeo.spectra import NegativeCurvature, index_estimate, negative_curvature

FLAT_SHARE = 0.9**2


@trees.frozen
class CriticalPoint:
    """A verdict on a point and the figures that it rests on; see `classify_critical_point`."""

    kind: str = trees.static()
    loss: float
    gradient_norm: float
    newton_gain: float  # g'|H|^-1 g / 2, what a step could gain, from below, in units of loss
    flatness: float  # ||Hg|| / (||g|| max|lambda|); NaN where g = 0
    kernel_share: float  # of ||g||^2 along |lambda| <= flat_tol * max|lambda|; NaN where g = 0
    curvature: NegativeCurvature
    threshold: float  # eigenvalues in [-threshold, threshold] count as zero
    index_lower: int
    index: float  # estimated number of eigenvalues below -threshold
    index_upper: int  # with 95 % probability
    num_matvecs: int
    size: int  # eigenvalues in all

    @property
    def hg_over_g(self) -> float:
        """||Hg|| / ||g||, in the units of the Hessian."""
        largest = max(abs(self.curvature.value), abs(self.curvature.upper_end))
        return self.flatness * largest

    def __str__(self) -> str:
        ends = f"[{self.index_lower}, {self.index_upper}]"
        index = f"about {self.index:.0f} {ends}"
        if says_nothing(self.index_lower, self.index_upper, self.size):
            index = f"undetermined: {ends}"
        return (
            f"{self.kind}: loss {self.loss:.4g}, ||g|| {self.gradient_norm:.3g}, ||Hg||/||g|| "
            f"{self.hg_over_g:.3g}, {self.curvature}, index {index}"
        )


@accepts(params=as_params, batch=as_arrays)
def classify_critical_point(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    key: jax.Array,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
    gradient_tol: float = 1e-4,
    flat_tol: float = 1e-3,
    curvature_tol: float = 1e-2,
    failure_probability: float = 0.01,
) -> CriticalPoint:
    """Classifies a point of the loss landscape.

    A point counts as critical where a Newton step that leaves saddles (Dauphin et al. 2014) can gain at most
    `gradient_tol` of the loss: g'|H|^-1 g / 2 <= gradient_tol * |loss|, no |lambda| taken below the
    rounding noise. The test is unchanged if the loss or the parameters are rescaled, and a gradient in
    the kernel fails it however small its norm is beside max|lambda|. A point that is not critical, but whose
    gradient lies in the near-kernel of the Hessian, is "gradient-flat": methods that minimise the gradient
    norm stop there, and it must not be counted as a critical point. In the near-kernel is a gradient whose
    parts along |lambda| <= flat_tol * max|lambda| make up 0.9 of its norm (Frye et al. 2021, whose 0.9 is the
    residual of Newton's equation). Both are found in the Krylov space of H and g, from below. A critical
    point is a "saddle" where negative curvature beyond `curvature_tol` * max|lambda| is certain (a maximum
    counts as one, it has an escape direction), a "minimum" where there is none but for
    `failure_probability` and the loss does not fall by `gradient_tol` along a random direction of the
    near-kernel before it rises, as it does from a monkey saddle, and "undecided" otherwise, also where the
    whole Hessian vanishes. (At a loss of exactly 0 nothing is tried along the near-kernel.)

    It takes at most 3 k + 128 products and a few more, and k + 1 vectors [n] on the device at a time, where k
    grows as log(n) / curvature_tol^(1/2): 65 for a million parameters, 200 at a `curvature_tol` of 1e-3.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      key: typed random key.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.
      gradient_tol: relative gain under which a step counts as none.
      flat_tol: eigenvalues within this fraction of max|lambda| make up the near-kernel.
      curvature_tol: eigenvalues within this fraction of max|lambda| count as zero.
      failure_probability: probability that a "minimum" has such negative curvature after all.

    Returns:
      CriticalPoint with the kind and its evidence.

    Raises:
      ValueError: as `hessian`, or if a tolerance is out of (0, 1).

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import classify_critical_point
      >>> def loss(w, x):
      ...     return 1.0 + jnp.mean(x) * (w[0] ** 2 - w[1] ** 2)
      >>> classify_critical_point(loss, jnp.zeros(2), jnp.ones(3), key=jax.random.key(0)).kind
      'saddle'
    """
    check_key(key)
    check_fraction(gradient_tol, "gradient_tol")
    check_fraction(flat_tol, "flat_tol")
    check_fraction(curvature_tol, "curvature_tol")
    check_fraction(failure_probability, "failure_probability")
    if batches is not None:
        batches = streaming.Batches.of(batches, batch, count)
    value, gradient, op = value_gradient_hessian(loss, params, batch, batches=batches)
    bound_key, index_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    steps = _steps_for(op.shape[0], curvature_tol, failure_probability)
    found = negative_curvature(
        op, key=bound_key, failure_probability=failure_probability, num_steps=steps
    )
    largest = max(abs(found.value), abs(found.upper_end))
    floor = max(found.noise, float(op.noise) * largest)
    size, flatness, share, gain, spent = _gradient_figures(
        op, gradient, largest, flat_tol * largest, floor, steps
    )
    threshold = max(curvature_tol * largest, found.noise)
    index = index_estimate(op, key=index_key, tau=threshold, num_probes=4, num_steps=32)
    critical = gain <= gradient_tol * abs(value) or size == 0
    kind = _kind(critical, share >= FLAT_SHARE, found, threshold)
    if kind == "minimum":
        falls, more = falls_along_kernel(
            _evaluation(loss, params, batch, batches),
            params,
            op,
            threshold=gradient_tol * abs(value),
            largest=largest,
            kernel=threshold,
            num_steps=steps,
            key=jax.random.fold_in(key, 2),
        )
        kind, spent = ("undecided" if falls else kind), spent + more
    return CriticalPoint(
        kind,
        value,
        size,
        gain,
        flatness,
        share,
        found,
        threshold,
        index.lower,
        index.value,
        index.upper,
        found.num_matvecs + index.num_matvecs + spent,
        index.size,
    )


def _kind(critical: bool, flat: bool, found: NegativeCurvature, threshold: float) -> str:
    if not critical:
        return "gradient-flat" if flat else "not critical"
    if threshold == 0 or not math.isfinite(found.lower_bound):
        return "undecided"
    if found.value < -threshold:
        return "saddle"
    return "minimum" if found.lower_bound >= -2 * threshold else "undecided"


def _steps_for(n: int, epsilon: float, probability: float) -> int:
    # The bound of Kuczynski and Wozniakowski, solved for the number of steps.
    return math.ceil(
        (math.log(1.648 * math.sqrt(n) * 2 / probability) / math.sqrt(epsilon) + 1) / 2
    )


def _evaluation(loss, params, batch, batches):
    parts = ((batch, 1.0),) if batches is None else batches
    first, _ = next(iter(parts))
    function = programs.traced(loss, "loss", params, first)
    return lambda point: sum(
        share * float(evaluate(function, point, part)) for part, share in parts
    )


def _gradient_figures(op, gradient, largest, kernel, floor, steps):
    flat = _ravel(op.space, gradient)
    size = float(trees.norm(flat))
    if not size or not largest:
        # Without a Hessian all of a gradient is in its kernel.
        return (size, 0.0, 1.0, math.inf, 0) if size else (size, math.nan, math.nan, 0.0, 0)
    space = krylov(op, flat, size, steps)
    slope = float(np.linalg.norm(space.coefficients[:, 0])) / largest
    # By singular values of the tall matrix: Ritz values may come near zero where no eigenvalue does.
    _, sizes, rows = np.linalg.svd(space.coefficients, full_matrices=False)
    shares = rows[:, 0] ** 2
    gain = size**2 / 2 * float(np.sum(shares / np.maximum(sizes, floor)))
    return size, slope, float(np.sum(shares[sizes <= kernel])), gain, space.num_matvecs


_ravel = jax.jit(trees.ravel, static_argnums=0)

"""How many eigenvalues are negative?"""

import jax
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction, check_key
from lsgeo.interval import says_nothing
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.densities import _brackets
from lsgeo.spectra.densities.quadrature import density_of
from lsgeo.spectra.krylov import _spherical, lanczos, probes


@trees.frozen
class IndexEstimate:
    """The number of eigenvalues below -threshold: `lower` <= index <= `upper` with probability `confidence`.

    At least `certain` of them is beyond doubt but for rounding. Where the interval holds more than half of all
    `size` numbers that are possible the index is `undetermined`, and `value`, its middle, no estimate: then too
    many eigenvalues lie so close to -threshold that the steps cannot tell on which side.
    """

    value: float
    lower: int
    upper: int
    certain: int
    confidence: float
    threshold: float  # in the units of op
    noise: float
    num_matvecs: int
    size: int  # eigenvalues in all

    @property
    def undetermined(self) -> bool:
        """Whether the interval says next to nothing."""
        return says_nothing(self.lower, self.upper, self.size)

    def __str__(self) -> str:
        if self.undetermined:
            return (
                f"index undetermined: [{self.lower}, {self.upper}] with probability {self.confidence:g}, "
                f"certainly at least {self.certain} ({self.num_matvecs} products); a density's cumulative(-x) "
                "for an x beyond what lies near zero, and its negative_mass(), are better known"
            )
        return (
            f"index about {self.value:.4g} in [{self.lower}, {self.upper}] with probability "
            f"{self.confidence:g}, certainly at least {self.certain} ({self.num_matvecs} products)"
        )


@watched
def index_estimate(
    op: LinearOperator,
    *,
    key: jax.Array,
    tau: float | None = None,
    confidence: float = 0.95,
    num_probes: int = 8,
    num_steps: int = 32,
) -> IndexEstimate:
    """Bounds the number m of eigenvalues below -tau, each counted as often as it occurs.

    The share of the eigenvalues below -tau is bounded as in `SpectralDensity`, from each probe's moments and
    the law of a mean share. The number of Ritz values below -tau is a certain lower bound (Cauchy's
    interlacing).

    Args:
      op: symmetric operator on [n].
      key: typed random key for the start vectors.
      tau: eigenvalues in [-tau, 0] do not count, in the units of op; by default and at least the noise floor.
      confidence: probability that [lower, upper] is to cover.
      num_probes: start vectors; the interval is about 2 sqrt(2 / (num_probes * m)) of m to either side.
      num_steps: Lanczos steps per start vector; more tell closer eigenvalues from -tau. Where n is no
        more than num_probes * num_steps the count is that of the dense matrix.

    Returns:
      IndexEstimate.

    Raises:
      ValueError: if an argument is out of range, or a product is not finite.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, index_estimate
      >>> op = dense(jnp.diag(jnp.array([-2.0, -1.0, 3.0])))
      >>> found = index_estimate(op, key=jax.random.key(0))
      >>> found.lower, found.value, found.upper
      (2, 2.0, 2)
    """
    check_operator(op)
    check_key(key)
    check_fraction(confidence, "confidence")
    check_count(num_probes, "num_probes")
    check_count(num_steps, "num_steps")
    if tau is not None and not (tau >= 0 and np.isfinite(tau)):
        raise ValueError(f"`tau` must be a number of at least 0; got {tau!r}.")
    n = op.shape[0]
    expect(min(n, num_probes * num_steps))
    if n <= num_probes * num_steps:
        return _exact(op, tau, confidence)
    rules = lanczos.rules(op, key, num_probes, num_steps)
    density = density_of(rules, num_steps, op)
    noise, threshold = density.noise, max(tau or 0.0, density.noise)
    # Beyond a breakdown, where the density ends, Ritz values still interlace the eigenvalues.
    certain = max(int(np.sum(rule.eigh()[0] < -threshold - noise)) for rule in rules)
    point = np.array([np.nextafter(-threshold, -np.inf)])
    sides = np.mean([_brackets.bounds(rule, point, 0.0) for rule in density.rules()], axis=0)
    ends = _spherical.fraction_bounds(*sides, size=n, num_probes=num_probes, confidence=confidence)
    low, high = (float(end[0]) for end in ends)
    lower, upper = _spherical.count_bounds(low, high, n, certain)
    value = float(np.clip(n * (low + high) / 2, lower, upper))
    return IndexEstimate(
        value, lower, upper, certain, confidence, threshold, noise, density.num_matvecs, n
    )


def _exact(op, tau, confidence):
    matrix = np.asarray(op.to_dense(), np.float64)
    probes.check_products(matrix)
    values = np.linalg.eigvalsh(matrix)
    noise = float(op.noise) * float(np.abs(values).max())
    threshold = max(tau or 0.0, noise)
    count = int(np.sum(values < -threshold))
    n = len(values)
    return IndexEstimate(float(count), count, count, count, confidence, threshold, noise, n, n)

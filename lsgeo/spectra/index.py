"""How many eigenvalues are negative?"""

import dataclasses

import jax
import numpy as np
from scipy import optimize, special

from lsgeo import trees
from lsgeo.operators.base import LinearOperator
from lsgeo.spectra import lanczos, probes
from lsgeo.spectra.arguments import check_count, check_fraction, check_key, check_operator
from lsgeo.spectra.certificates import missed_range
from lsgeo.spectra.radau import radau

ABSENCE_SHARE = 0.1  # of the failure probability, spent on the proof that there is none


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class IndexEstimate:
    """The number of eigenvalues below -threshold: `lower` <= index <= `upper` with probability `confidence`.

    At least `certain` of them is beyond doubt but for rounding.
    """

    value: float
    lower: int
    upper: int
    certain: int
    confidence: float
    threshold: float  # in the units of op
    noise: float
    num_matvecs: int

    def __str__(self) -> str:
        return (
            f"index about {self.value:.4g} in [{self.lower}, {self.upper}] with probability "
            f"{self.confidence:g}, certainly at least {self.certain} ({self.num_matvecs} products)"
        )


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

    A probe v, uniform on the sphere, puts the weight v'Pv on their eigenspace, which is Beta(m/2, (n-m)/2)
    whatever the eigenvectors. The Gauss-Radau rule of its Lanczos process with a node at -tau encloses that
    weight with certainty (Chebyshev, Markov and Stieltjes; Szego 1939, section 3.41). The interval holds
    every m for which the mean enclosure is no surprise (Clopper and Pearson 1934; the mean of the Beta
    variables is taken as the Beta variable of its mean and variance). The number of Ritz values below -tau is a
    certain lower bound (Cauchy's interlacing), and where every start misses that part of the spectrum, the
    theorem behind `negative_curvature`, for all starts at once, says that it is empty.

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
    if n <= num_probes * num_steps:
        return _exact(op, tau, confidence)
    rules = []
    for probe in range(num_probes):
        state = lanczos.start(op, num_steps, key=jax.random.fold_in(key, probe))
        rules.append(lanczos.tridiagonal(lanczos.extend(op, state, 0, num_steps), num_steps))
    spectra = [rule.eigh()[0] for rule in rules]
    noise = float(op.noise) * max(np.abs(values).max() for values in spectra)
    threshold = max(tau or 0.0, noise)
    certain = max(int(np.sum(values < -threshold - noise)) for values in spectra)
    low, high = np.mean([_weight_below(rule, -threshold) for rule in rules], axis=0)
    failure = 1 - confidence
    lower = max(certain, _lower(low, n, num_probes, failure / 2))
    if not certain and _absent(rules, n, failure * ABSENCE_SHARE, -threshold - noise):
        upper = 0
    else:
        upper = _upper(high, n, num_probes, failure * (0.5 - ABSENCE_SHARE))
    upper = max(upper, lower)
    value = float(np.clip(n * (low + high) / 2, lower, upper))
    products = num_probes * num_steps
    return IndexEstimate(value, lower, upper, certain, confidence, threshold, noise, products)


def _exact(op, tau, confidence):
    matrix = np.asarray(op.to_dense(), np.float64)
    probes.check_products(matrix)
    values = np.linalg.eigvalsh(matrix)
    noise = float(op.noise) * float(np.abs(values).max())
    threshold = max(tau or 0.0, noise)
    count = int(np.sum(values < -threshold))
    n = len(values)
    return IndexEstimate(float(count), count, count, count, confidence, threshold, noise, n)


def _weight_below(rule, x):
    """Encloses the weight that the start vector puts on the eigenvalues below x."""
    m = rule.num_connected
    alphas, betas = rule.alphas[:m], rule.betas[:m]
    if betas[-1] == 0:  # the Krylov space is exhausted: the rule is the measure itself
        values, vectors = lanczos.Tridiagonal(alphas, betas).eigh()
        exact = float(np.sum(vectors[0, values < x] ** 2))
        return exact, exact
    nodes, weights = radau(alphas, betas, x)
    node = int(np.argmin(np.abs(nodes - x)))
    below = float(weights[:node].sum())
    return below, below + float(weights[node])


def _mean_below(weight, m, n, count):
    """Probability that `count` probes put a mean of at most `weight` on an eigenspace of dimension m."""
    # The mean of `count` variables Beta(m/2, (n-m)/2) has variance f (1 - f) / (count (n/2 + 1)), f = m/n.
    total = count * (n / 2 + 1) - 1
    return special.betainc(total * m / n, total * (1 - m / n), np.clip(weight, 0.0, 1.0))


def _lower(weight, n, count, failure):
    return int(np.ceil(_root(lambda m: 1 - failure - _mean_below(weight, m, n, count), n) - 1e-4))


def _upper(weight, n, count, failure):
    return int(np.floor(_root(lambda m: failure - _mean_below(weight, m, n, count), n) + 1e-4))


def _root(rising, n):
    """Where a rising function of m in (0, n) changes sign, 0 or n where it does not."""
    tiny = 1e-9 * n
    if rising(tiny) >= 0:
        return 0.0
    if rising(n - tiny) <= 0:
        return float(n)
    return optimize.brentq(rising, tiny, n - tiny, xtol=1e-6)


def _absent(rules, n, failure, x):
    """Whether no eigenvalue lies below x, but for `failure`: then every start has missed it."""
    each = failure ** (1 / len(rules))
    for rule in rules:
        m = rule.num_connected
        values = lanczos.Tridiagonal(rule.alphas[:m], rule.betas[:m]).eigh()[0]
        complete = rule.betas[m - 1] == 0
        missed = 0.0 if complete else missed_range(n, m, each / 2, np.ptp(values))
        if values[0] - missed < x:
            return False
    return True

"""A density from Chebyshev moments: an independent check of stochastic Lanczos quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev
from scipy import linalg

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.interval import Estimate
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.checks import check_operator
from lsgeo.progress import expect, watched
from lsgeo.spectra.krylov import _spherical, lanczos

INTERVAL_STEPS = 32
INTERVAL_FAILURE = 1e-3  # probability that an eigenvalue lies outside; the moments then tell
CLEARANCE = 0.01  # of the width on each side, or of the position where there is no width
ESCAPED = 1.01  # no moment of a spectrum inside the interval is larger, rounding included


@trees.frozen
class ChebyshevDensity:
    """Chebyshev moments v'T_k v of an operator whose spectrum is mapped from [low, high] to [-1, 1].

    Damped by Jackson's kernel they give a density that is nowhere negative, smoothed over about
    pi / num_moments half widths of the interval.
    """

    moments: np.ndarray  # (num_probes, num_moments), the first column is 1
    low: float
    high: float
    size: int
    num_matvecs: int

    def density(self, grid: np.ndarray) -> np.ndarray:
        """Returns the density at `grid`, any shape; it integrates to 1."""
        t = self._unit(grid)
        inside = np.abs(t) < 1
        angle = np.arccos(np.where(inside, t, 0.0))
        series = np.cos(angle[..., None] * self._orders()) @ self._damped()
        root = np.sqrt(np.where(inside, 1 - t**2, 1.0))
        return np.where(inside, series / (np.pi * root * (self.high - self.low) / 2), 0.0)

    def cumulative(self, x: np.ndarray) -> np.ndarray:
        """Returns the integral of `density` up to `x`, any shape."""
        angle = np.arccos(np.clip(self._unit(x), -1, 1))
        orders = self._orders()
        # The mean of cos(k s) over the angles s beyond this one; np.sinc(y) is sin(pi y) / (pi y).
        shares = -np.sinc(angle[..., None] * orders / np.pi) * angle[..., None] / np.pi
        return shares @ self._damped() + 1

    def moment(self, k: int) -> Estimate:
        """Estimates tr(H^k) / n, undamped: exact for each probe.

        Raises:
          ValueError: if `k` is not below the number of Chebyshev moments.
        """
        check_count(k, "k", 0)
        probes, count = self.moments.shape
        if k >= count:
            raise ValueError(
                f"`k` must be below the {count} moments that were taken; got {k}. Raise num_moments."
            )
        centre, half = self._frame()
        unit = max(abs(self.low), abs(self.high))
        power = chebyshev.chebinterpolate(lambda t: ((centre + half * t) / unit) ** k, k)
        samples = unit**k * (self.moments[:, : k + 1] @ power)
        error = samples.std(ddof=1) / np.sqrt(probes) if probes > 1 else np.nan
        return Estimate(float(samples.mean()), float(error), self.num_matvecs)

    def _frame(self):
        return (self.low + self.high) / 2, (self.high - self.low) / 2

    def _unit(self, x):
        centre, half = self._frame()
        return (np.asarray(x, np.float64) - centre) / half

    def _orders(self):
        return np.arange(self.moments.shape[1])

    def _damped(self):
        count = self.moments.shape[1]
        k, step = np.arange(count), np.pi / (count + 1)
        jackson = (count - k + 1) * np.cos(step * k) + np.sin(step * k) / np.tan(step)
        return self.moments.mean(axis=0) * jackson / (count + 1) * np.where(k > 0, 2, 1)

    def __str__(self) -> str:
        probes, count = self.moments.shape
        return (
            f"ChebyshevDensity: {self.size} eigenvalues, {probes} probes x {count} moments on "
            f"[{self.low:.4g}, {self.high:.4g}] ({self.num_matvecs} products)"
        )


@watched
def chebyshev_density(
    op: LinearOperator,
    *,
    key: jax.Array,
    num_probes: int = 8,
    num_moments: int = 128,
    interval: tuple[float, float] | None = None,
) -> ChebyshevDensity:
    """Estimates the eigenvalue density of a symmetric operator from Chebyshev moments.

    The kernel polynomial method with Jackson's kernel (Weisse, Wellein, Alvermann and Fehske 2006). It
    stores three vectors, no basis, and never orthogonalises; every product gives two moments, for T_2k = 2
    T_k^2 - 1. Its probes are those of `spectral_density` with the same key, so that both see the same moments
    of the operator and must agree on them.

    Args:
      op: symmetric operator on [n].
      key: typed random key; the probes, uniform on the sphere, depend on it alone.
      num_probes: independent start vectors.
      num_moments: Chebyshev moments per probe, from num_moments / 2 products each; the resolution is
        about 3 / num_moments of half the width of the spectrum.
      interval: (low, high) that holds the spectrum; by default from 32 Lanczos steps, widened by what
        these may have missed (Kuczynski and Wozniakowski 1992).

    Returns:
      ChebyshevDensity in the units of op.

    Raises:
      ValueError: if an argument is out of range, a product is not finite, or an eigenvalue lies outside
        the interval.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import chebyshev_density, dense
      >>> density = chebyshev_density(dense(jnp.diag(jnp.array([1.0, 1.0, 3.0]))), key=jax.random.key(0))
      >>> bool(abs(density.moment(1).value - (3 - 2 * density.cumulative(2.0))) < 0.02)
      True
    """
    check_operator(op)
    check_key(key)
    check_count(num_probes, "num_probes")
    check_count(num_moments, "num_moments", 2)
    low, high, used = (*_checked(interval), 0) if interval is not None else _interval(op, key)
    expect(num_probes * (num_moments // 2))
    frame = jnp.asarray([(low + high) / 2, (high - low) / 2], op.dtype)
    products = num_moments // 2
    rows = []
    for probe in range(num_probes):
        v = lanczos.random_unit(_probe_key(key, probe, 0), op.shape[0], op.dtype)
        rows.append(_moments(op, v, frame, products)[:num_moments])
    moments = np.stack(rows)
    _check_moments(moments, low, high)
    return ChebyshevDensity(moments, low, high, op.shape[0], used + num_probes * products)


def _probe_key(key, probe, part):
    return jax.random.fold_in(jax.random.fold_in(key, probe), part)


def _moments(op, v, frame, products):
    current, previous, first = v, jnp.zeros_like(v), jnp.zeros((), v.dtype)
    pairs = []
    for k in range(products):
        state = _recur(op.flat_product(current), current, previous, frame, first, k == 0)
        current, previous, first, pair = state
        pairs.append(pair)
    return np.concatenate([[1.0], np.asarray(_join(pairs), np.float64).reshape(-1)])


@jax.jit
def _recur(product, current, previous, frame, first, initial):
    centre, half = frame
    image = (product - centre * current) / half
    following = jnp.where(initial, image, 2 * image - previous)
    cross = jnp.vdot(following, current, precision=trees.HIGHEST)
    first = jnp.where(initial, cross, first)
    square = jnp.vdot(following, following, precision=trees.HIGHEST)
    return following, current, first, jnp.stack([2 * cross - first, 2 * square - 1])


_join = jax.jit(jnp.stack)


def _interval(op, key):
    n = op.shape[0]
    steps = min(INTERVAL_STEPS, n)
    current = lanczos.random_unit(_probe_key(key, 0, 1), n, op.dtype)
    previous, beta = jnp.zeros_like(current), jnp.zeros((), op.dtype)
    entries = []
    for _ in range(steps):
        current, previous, beta, pair = _three_term(
            op.flat_product(current), current, previous, beta
        )
        entries.append(pair)
    alphas, betas = np.asarray(_join(entries), np.float64).T
    _check_finite(np.concatenate([alphas, betas]))
    scale = np.maximum.accumulate(np.abs(alphas) + betas)
    broken = np.flatnonzero(betas <= lanczos.BREAKDOWN * float(op.noise) * scale)
    count = int(broken[0]) + 1 if len(broken) else steps
    ritz = linalg.eigvalsh_tridiagonal(alphas[:count], betas[: count - 1])
    width = np.ptp(ritz)
    complete = count < INTERVAL_STEPS
    missed = 0.0 if complete else _spherical.missed(n, count, width, INTERVAL_FAILURE)
    clearance = missed + CLEARANCE * (width if width > 0 else np.abs(ritz).max() or 1.0)
    return float(ritz[0] - clearance), float(ritz[-1] + clearance), steps


# Without reorthogonalisation: copies of the extreme eigenvalues do not move them.
@jax.jit
def _three_term(product, current, previous, beta):
    alpha = jnp.vdot(current, product, precision=trees.HIGHEST)
    w = product - alpha * current - beta * previous
    following = trees.norm(w)
    return (
        w / jnp.where(following > 0, following, 1),
        current,
        following,
        jnp.stack([alpha, following]),
    )


def _checked(interval):
    low, high = (float(side) for side in interval)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"`interval` must be (low, high), finite and ascending; got {interval!r}.")
    return low, high


def _check_moments(moments, low, high):
    _check_finite(moments)
    if np.abs(moments).max() > ESCAPED:
        raise ValueError(
            f"`interval` must hold the spectrum; an eigenvalue lies outside [{low:.6g}, {high:.6g}]. Pass "
            "a wider one, e.g. from `negative_curvature`'s bounds."
        )


def _check_finite(values):
    if not np.isfinite(values).all():
        raise ValueError(
            "the product of `op` was not finite. Check the parameters and data for NaN, and `interval`."
        )

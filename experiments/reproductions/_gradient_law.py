"""How the gradient of a ReLU network's stream shrinks or grows with depth at initialisation.

Plain networks have a law without a free parameter (Hanin and Nica 2018): each block multiplies the
squared norm by a random factor of mean 1 and variance 5 / n, so that its logarithm falls by 5 / (2 n).
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import statsmodels.api as sm
from scipy import stats

from experiments.reproductions.records import Reproduction, interval
from lsgeo.draws import named
from lsgeo.interval import Estimate


@dataclasses.dataclass
class Gradients:
    """Sizes of the networks whose gradients are compared.

    Attributes:
      depths: blocks L of each network.
      widths: units n of each network.
      num_networks: random networks of each size.
    """

    depths: tuple[int, ...] = (5, 9, 17, 33, 65)
    widths: tuple[int, ...] = (32, 64, 128, 256)
    num_networks: int = 40


@functools.partial(jax.jit, static_argnames=("depth", "width", "count"))
def log_ratios(
    key: jax.Array, shortcut: float, branch: float, *, depth: int, width: int, count: int
) -> jax.Array:
    """log(|dloss/dx_1| / |dloss/dx_L|) of networks x_l+1 = shortcut x_l + branch W relu(x_l), [count].

    Input and head are random, weights He-normal, each network sees one example.

    Args:
      key: typed random key.
      shortcut: factor of the shortcut, 0 for plain networks.
      branch: factor of the branch.
      depth: number of blocks L.
      width: units n.
      count: number of networks.
    """

    def block(x, weights):
        return shortcut * x + branch * weights @ jax.nn.relu(x), None

    def ratio(key):
        start, inner, head = jax.random.split(key, 3)
        weights = jax.random.normal(inner, (depth, width, width)) * np.sqrt(2 / width)
        first, _ = block(jax.random.normal(start, (width,)), weights[0])
        last, pull = jax.vjp(lambda x: jax.lax.scan(block, x, weights[1:])[0], first)
        top = jnp.where(last > 0, jax.random.normal(head, (width,)), 0.0)
        return jnp.log(jnp.linalg.norm(pull(top)[0]) / jnp.linalg.norm(top))

    return jax.lax.map(ratio, jax.random.split(key, count))


def _measured(sizes, seed, name, scales):
    """Rows (L - 1, n, log ratio), one for each network; `scales` maps L to (shortcut, branch)."""
    rows = []
    for depth in sizes.depths:
        for width in sizes.widths:
            key = named(jax.random.key(seed), f"{name}_{depth}_{width}")
            size = {"depth": depth, "width": width, "count": sizes.num_networks}
            found = np.asarray(log_ratios(key, *scales(depth), **size), np.float64)
            rows += [(depth - 1, width, value) for value in found]
    rows = np.array(rows)
    if not np.isfinite(rows).all():
        raise ValueError(
            "A network has no gradient at all: all its units are off. Take larger `widths`."
        )
    return rows


def _plain(sizes, seed):
    rows = _measured(sizes, seed, "plain", lambda depth: (0.0, 1.0))
    return rows[:, 0] / rows[:, 1], rows[:, 2]


def plain_mean(x: np.ndarray, y: np.ndarray, degrees: int) -> Estimate:
    """The factor b of E y = b x where Var y is proportional to x: the sum of y over that of x.

    Args:
      x: (L - 1) / n of each network, [N].
      y: its log ratio, [N].
      degrees: N less the number of sizes, which the spread is known with.
    """
    slope = y.sum() / x.sum()
    error = plain_spread(x, y).value / np.sqrt(x.sum())
    return Estimate(slope, error, 0, degrees)


def plain_spread(x: np.ndarray, y: np.ndarray) -> Estimate:
    """The factor c of sd y = c sqrt(x) about the mean at each x, with the interval of chi-square."""
    means = {size: y[x == size].mean() for size in np.unique(x)}
    centred = y - np.array([means[size] for size in x])
    degrees = len(y) - len(means)
    total = (centred**2 / x).sum()
    ends = np.sqrt(total / stats.chi2.ppf([0.975, 0.025], degrees))
    value = np.sqrt(total / degrees)
    law = {"confidence": 0.95, "lower": float(ends[0]), "upper": float(ends[1])}
    return Estimate(value, value / np.sqrt(2 * degrees), 0, np.nan, **law)


def wide_limit(width: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Estimate:
    """What y tends to for wide networks: a of E y = a + b / n, by weighted least squares."""
    fit = sm.WLS(y, sm.add_constant(1 / width), weights=weight).fit()
    return Estimate(float(fit.params[0]), float(fit.bse[0]), 0, fit.df_resid)


def _measure_mean(sizes, seed, folder, progress):
    x, y = _plain(sizes, seed)
    return interval(plain_mean(x, y, len(y) - len(np.unique(x)))) | {"x": x, "log_ratio": y}


def _measure_spread(sizes, seed, folder, progress):
    x, y = _plain(sizes, seed)
    return interval(plain_spread(x, y)) | {"x": x, "log_ratio": y}


def _measure_skip(sizes, seed, folder, progress):
    rows = _measured(sizes, seed, "skip", lambda depth: (1.0, 1.0))
    blocks, width, value = rows.T
    found = wide_limit(width, value / blocks, width * blocks)
    return interval(found) | {"rows": rows}


def _measure_scaled(sizes, seed, folder, progress):
    deepest = dataclasses.replace(sizes, depths=(max(sizes.depths),))
    rows = _measured(deepest, seed, "scaled", lambda depth: (1.0, depth**-0.5))
    return interval(wide_limit(rows[:, 1], rows[:, 2], rows[:, 1])) | {"rows": rows}


_OWN = "one random example in place of a data set's; widths 32 to 256, depths 5 to 65"
_LIMIT = "taken to infinite width by a straight line in 1/n"

RECORDS = (
    Reproduction(
        "gradient_plain_mean",
        "plain ReLU networks at the start: mean of log(first / last stream gradient), per (L - 1)/n",
        "-5/4",
        -1.25,
        -1.25,
        "Hanin and Nica 2018 (arXiv 1812.05994): the log-normal law of ReLU gradients",
        _OWN,
        "gradients",
        _measure_mean,
    ),
    Reproduction(
        "gradient_plain_spread",
        "the same: standard deviation, per sqrt((L - 1)/n)",
        "√5/2 = 1.118",
        np.sqrt(5) / 2,
        np.sqrt(5) / 2,
        "Hanin and Nica 2018 (arXiv 1812.05994): the log-normal law of ReLU gradients",
        _OWN,
        "gradients",
        _measure_spread,
    ),
    Reproduction(
        "gradient_skip",
        "bare skips at the start: log(first / last stream gradient), per block",
        "(ln 2)/2 = 0.3466",
        np.log(2) / 2,
        np.log(2) / 2,
        "Zhang et al. 2019 (Fixup, arXiv 1901.09321), section 2: a block doubles the variance",
        f"the paper bounds it, we measure it; {_LIMIT}",
        "gradients",
        _measure_skip,
    ),
    Reproduction(
        "gradient_scaled",
        "skips with branches over √L at the start: log(first / last stream gradient) in all",
        "1/2 for deep networks",
        0.5,
        0.5,
        "Hayou et al. 2021 (Stable ResNet, arXiv 2010.12859): (1 + 1/L)^L tends to e",
        f"the paper bounds it, we measure it at L = 65; {_LIMIT}",
        "gradients",
        _measure_scaled,
    ),
)

"""Rows of studies whose answers are known, as results.csv would have them."""

import math

import numpy as np

from lsgeo.study import Design

DEPTHS = (4, 8, 16, 32)
ARMS = ("plain", "residual", "scaled")


def rows_of(family, norm, arm, depth, seed, **columns):
    """A network's row of a reading; `reading` stands in the columns."""
    return {"family": family, "norm": norm, "arm": arm, "depth": depth, "seed": seed, **columns}


def power_rows(
    rng, powers, *, depths=DEPTHS, seeds=5, noise=0.2, spread=0.1, norm="none", limit=math.inf
):
    """Sharpness ~ 10 depth^power by arm, but no larger than `limit`, which the rate then is at."""
    rows = []
    for arm, power in powers.items():
        for seed in range(seeds):
            start, own = rng.normal(0, 0.3), power + spread * rng.normal()
            for depth in depths:
                true = 10 * math.exp(start + own * math.log(depth) + noise * rng.normal())
                seen = min(true, limit)
                found = {"lambda_max": seen, "limit_share": 0.9 if seen < true else 0.01}
                where = "MLP", norm, arm, depth, seed
                rows.append(rows_of(*where, reading="matched", **found))
                rows.append(rows_of(*where, reading="init"))
    return rows


def design(norm="none", arms=ARMS, depths=DEPTHS, family="MLP"):
    """A design; laws read columns off the rows."""
    return Design(family, "mlp", norm, tuple(depths), tuple(arms), frozenset())


def generator(k):
    """A generator of its own for each planted study."""
    return np.random.default_rng(1000 + k)

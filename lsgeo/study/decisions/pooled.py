"""One model of a hypothesis over all of its conditions: what they have in common, and how far they differ."""

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special, stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

from lsgeo.study.contrasts.paired import Condition
from lsgeo.study.contrasts.samples import Sample
from lsgeo.study.decisions.statistics import effect

MIXED = "mixed model"
MEANS = "means of conditions"
SINGLE = "one network"


@dataclasses.dataclass(frozen=True)
class Pooled:
    """An effect over conditions; see `pool`.

    Attributes:
      value: in the contrast's unit.
      lower: of its 95 % interval.
      upper: of its interval.
      spread: standard deviation of the conditions' own effects around it, without the noise of pairs; NaN where
        there is one condition.
      num_conditions: that have a number.
      num_networks: families, norms and depths among them, which the interval counts as independent.
      num_pairs: numbers in all.
      model: "mixed model", or the fall-back: "means of conditions", "one network".
    """

    value: float
    lower: float
    upper: float
    spread: float
    num_conditions: int
    num_networks: int
    num_pairs: int
    model: str


def pool(samples: Sequence[tuple[Condition, Sample]], *, confidence: float = 0.95) -> Pooled | None:
    """Pools the pairs of all conditions in a linear mixed model: none is thrown away, and none decides alone.

    Of each network (a family, norm and depth) a pair has one number, its mean over arms and readings, and where
    pairs share splits each split has one. Such a number is a common effect, plus the network's own, plus noise,
    both normal around 0 (Gelman and Hill 2007, chapter 12; restricted maximum likelihood by statsmodels'
    MixedLM): networks of which little is known are drawn towards the others. The interval is Student's, with
    one degree of freedom less than there are networks: it is about networks like these, not about these alone.
    They count as independent, though a split's data are the same in all of them. Bounds enter as they stand.

    Where networks differ by no more than their noise, or no maximum is found, the numbers are the mean and the
    standard error of the networks' means, which need no model; `model` says so. One network alone has the
    effect of its pairs.

    Args:
      samples: conditions with their samples.
      confidence: of the interval.

    Returns:
      Pooled; None without a number.
    """
    table = _table(samples)
    if not len(table):
        return None
    counts = (table.finding.nunique(), table.network.nunique(), len(table))
    if counts[1] == 1:
        merged = table.groupby(["seed", "split"]).y.mean()
        found = effect(merged.to_numpy(), pairs=list(merged.index), confidence=confidence)
        return Pooled(found.value, found.lower, found.upper, _spread(table), *counts, SINGLE)
    units = table.groupby(["network", "unit"]).y.mean()
    numbers, places = units.to_numpy(), units.index.get_level_values("network").to_numpy()
    found, model = _mixed(numbers, places), MIXED
    if found is None:
        means = units.groupby("network").mean().to_numpy()
        found, model = (float(means.mean()), float(stats.sem(means))), MEANS
    half = float(special.stdtrit(counts[1] - 1, 0.5 + confidence / 2)) * found[1]
    return Pooled(found[0], found[0] - half, found[0] + half, _spread(table), *counts, model)


def _table(samples):
    lines = [
        (float(value), (c.family, c.norm, c.depth), (c.reading, c.arms), seed, split)
        for c, sample in samples
        for value, (seed, split) in zip(sample.values, sample.pairs, strict=True)
        if math.isfinite(value)
    ]
    table = pd.DataFrame(lines, columns=["y", "place", "kind", "seed", "split"])
    for name, keys in (("network", ["place"]), ("finding", ["place", "kind"])):
        table[name] = table.groupby(keys, sort=False).ngroup()
    table["unit"] = table.split if table.split.nunique() > 1 else table.seed
    return table


def _mixed(numbers, places):
    # In a unit of its own, for the optimiser's tolerances are absolute ones.
    scale, ratio = float(np.std(numbers)), _ratio(numbers, places)
    if scale <= 1e-12 * float(np.max(np.abs(numbers))) or not ratio > 0:
        return None
    numbers = numbers / scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            start = MixedLMParams.from_components(np.array([numbers.mean()]), np.array([[ratio]]))
            model = MixedLM(numbers, np.ones((len(numbers), 1)), groups=places)
            # From the moments, which are the maximum where all networks have as many numbers.
            fitted = model.fit(start_params=start, reml=True, method=["lbfgs"])
            value, error = float(fitted.fe_params[0]), float(fitted.bse_fe[0])
        except (np.linalg.LinAlgError, ValueError, ArithmeticError):
            return None
    usable = fitted.converged and math.isfinite(error) and error > 0
    return (value * scale, error * scale) if usable else None


def _ratio(numbers, places):
    # Variance of networks over that within, by Fisher's mean squares. Where there is none, the likelihood has
    # its maximum at an edge, and its curvature there is no error.
    groups = [numbers[places == place] for place in np.unique(places)]
    sizes = np.array([len(group) for group in groups])
    left, apart = len(numbers) - len(groups), len(groups) - 1
    within = sum(float(np.sum((group - group.mean()) ** 2)) for group in groups)
    if not left or not within:
        return math.nan
    means = np.array([group.mean() for group in groups])
    between = float(np.sum(sizes * (means - numbers.mean()) ** 2)) / apart
    each = (len(numbers) - np.sum(sizes**2) / len(numbers)) / apart
    return (between * left / within - 1) / each


def _spread(table):
    found = table.groupby("finding").y
    if len(found) < 2:
        return math.nan
    noise = float((found.var(ddof=1) / found.size()).mean())
    between = float(found.mean().var(ddof=1)) - (noise if math.isfinite(noise) else 0.0)
    return math.sqrt(max(between, 0.0))

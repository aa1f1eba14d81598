"""One model of a hypothesis over all of its conditions: what they have in common, and how far they differ."""

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special
from statsmodels.regression.mixed_linear_model import MixedLM

from lsgeo.study.contrasts.paired import Condition
from lsgeo.study.contrasts.samples import Sample
from lsgeo.study.decisions.statistics import FEWEST, effect

MIXED = "mixed model"
MEANS = "means of conditions"
SINGLE = "one condition"


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
      model: "mixed model", or the fall-back: "means of conditions", "one condition".
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

    A pair's number is a common effect, plus one of its family, norm and depth, plus one of its arms and reading
    therein, plus one of its data split therein, plus its own noise, all normal around 0 (Gelman and Hill 2007,
    chapter 12; restricted maximum likelihood by statsmodels' MixedLM). The interval is Student's, with one
    degree of freedom less than there are networks: it is about networks like these, not about these alone.
    Families, norms and depths count as independent, though a split's data are the same in all of them. Bounds
    enter as they stand.

    Where the likelihood has its maximum at an edge, or none is found, the numbers are the mean and the standard
    error of the networks' mean effects, which need no model; `model` says so. A sample from one network alone
    has the effect of its pairs.

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
        return Pooled(found.value, found.lower, found.upper, math.nan, *counts, SINGLE)
    quantile = float(special.stdtrit(counts[1] - 1, 0.5 + confidence / 2))
    found, model = _mixed(table), MIXED
    if found is None:
        found, model = _means(table), MEANS
    value, error, spread = found
    half = quantile * error
    return Pooled(value, value - half, value + half, spread, *counts, model)


def _table(samples):
    lines = [
        (float(value), (c.family, c.norm, c.depth), f"{c.reading} {c.arms}", seed, split)
        for c, sample in samples
        for value, (seed, split) in zip(sample.values, sample.pairs, strict=True)
        if math.isfinite(value)
    ]
    table = pd.DataFrame(lines, columns=["y", "place", "kind", "seed", "split"])
    # Labels of its own: those of a study may mean something in a formula.
    for name, keys in (("network", ["place"]), ("finding", ["place", "kind"])):
        table[name] = table.groupby(keys, sort=False).ngroup()
    return table


def _mixed(table):
    scale = float(table.y.std())
    # A level of each part must hold several numbers, or it cannot be told from the noise.
    several = len(table) - table.finding.nunique() >= FEWEST
    if not several or not scale > 1e-12 * float(table.y.abs().max()):
        return None
    parts = {}
    if table.finding.nunique() > table.network.nunique():
        parts["finding"] = "0 + C(finding)"
    if 1 < table.split.nunique() and len(table) > 1.5 * table.groupby(["network", "split"]).ngroups:
        parts["split"] = "0 + C(split)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted = MixedLM.from_formula(
                "y ~ 1",
                table.assign(y=table.y / scale),
                groups="network",
                re_formula="1",
                vc_formula=parts or None,
            ).fit(reml=True, method=["lbfgs"])
            between = float(np.asarray(fitted.cov_re)[0, 0])
            findings = dict(zip(parts, fitted.vcomp, strict=True)).get("finding", 0.0)
            value, error = float(fitted.fe_params.iloc[0]), float(fitted.bse_fe.iloc[0])
        except (np.linalg.LinAlgError, ValueError, ArithmeticError):
            return None
    # At an edge of the variances the curvature that the error comes from is no measure of it.
    if not (fitted.converged and between > 1e-6 and math.isfinite(error) and error > 0):
        return None
    return value * scale, error * scale, math.sqrt(between + findings) * scale


def _means(table):
    findings = table.groupby(["network", "finding"]).y
    of_findings = findings.mean()
    networks = of_findings.groupby("network").mean().to_numpy()
    noise = float((findings.var(ddof=1) / findings.size()).mean())
    spread = float(of_findings.var(ddof=1)) - (noise if math.isfinite(noise) else 0.0)
    error = float(networks.std(ddof=1)) / math.sqrt(len(networks))
    return float(networks.mean()), error, math.sqrt(max(spread, 0.0))

"""Contrasts: how the rows of a study become one number for each seed."""

from lsgeo.study.contrasts.correlations import ArmCorrelation, RankCorrelation
from lsgeo.study.contrasts.depths import DepthGrowth, DepthSlope
from lsgeo.study.contrasts.interactions import Anova, Interaction, Term, anova
from lsgeo.study.contrasts.paired import (
    Condition,
    Contrast,
    Difference,
    LogRatio,
    Within,
    limit_shares,
    paired,
)
from lsgeo.study.contrasts.samples import Row, Sample, Sides, bound_of, number, pair_of

__all__ = [
    "Anova",
    "ArmCorrelation",
    "Condition",
    "Contrast",
    "DepthGrowth",
    "DepthSlope",
    "Difference",
    "Interaction",
    "LogRatio",
    "RankCorrelation",
    "Row",
    "Sample",
    "Sides",
    "Term",
    "Within",
    "anova",
    "bound_of",
    "limit_shares",
    "number",
    "pair_of",
    "paired",
]

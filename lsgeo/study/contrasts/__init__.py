"""Contrasts: how the rows of a study become one number for each seed."""

from lsgeo.study.contrasts.correlations import RankCorrelation
from lsgeo.study.contrasts.depths import DepthGrowth, DepthSlope
from lsgeo.study.contrasts.interactions import Anova, Interaction, Term, anova
from lsgeo.study.contrasts.paired import (
    Condition,
    Contrast,
    Difference,
    LogRatio,
    Row,
    Sample,
    Within,
)

__all__ = [
    "Anova",
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
    "Term",
    "Within",
    "anova",
]

"""The claims, in order."""

from lsgeo.study.claims import curvature
from lsgeo.study.claims.records import Claim, Hypothesis, Published

CLAIMS: tuple[Claim, ...] = (
    curvature.C2,
    curvature.C4,
)

__all__ = ["CLAIMS", "Claim", "Hypothesis", "Published"]

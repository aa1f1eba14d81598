"""The claims, in order."""

from lsgeo.study.claims import curvature, surfaces
from lsgeo.study.claims.records import Claim, Hypothesis, Published

CLAIMS: tuple[Claim, ...] = (
    surfaces.C1,
    curvature.C2,
    surfaces.C3,
    curvature.C4,
)

__all__ = ["CLAIMS", "Claim", "Hypothesis", "Published"]

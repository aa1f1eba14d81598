"""The claims, in order."""

from lsgeo.study.claims import curvature, surfaces
from lsgeo.study.claims import curvature, signals
from lsgeo.study.claims import curvature, features, spectrum
from lsgeo.study.claims.records import Claim, Hypothesis, Published

CLAIMS: tuple[Claim, ...] = (
    surfaces.C1,
    curvature.C2,
    surfaces.C3,
    curvature.C4,
    signals.C5,
    signals.C10,
    signals.C17,
    signals.C18,
    features.C8,
    features.C9,
    features.C11,
    spectrum.C15,
    spectrum.C16,
)

__all__ = ["CLAIMS", "Claim", "Hypothesis", "Published"]

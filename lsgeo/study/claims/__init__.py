"""The claims, in order."""

from lsgeo.study.claims._checks import check_claims
from lsgeo.study.claims.connectivity import C14
from lsgeo.study.claims.curvature import C2, C4
from lsgeo.study.claims.features import C8, C9, C11
from lsgeo.study.claims.gradients import C5
from lsgeo.study.claims.interplay import C13
from lsgeo.study.claims.records import Claim, Hypothesis, Published
from lsgeo.study.claims.rivals import C22, C23
from lsgeo.study.claims.signals import C10, C17, C18
from lsgeo.study.claims.spectrum import C15, C16
from lsgeo.study.claims.surfaces import C1, C3
from lsgeo.study.claims.training import C6, C7, C12
from lsgeo.study.claims.transfer import C19, C20, C21

CLAIMS: tuple[Claim, ...] = (
    *(C1, C2, C3, C4, C5, C6, C7, C8, C9),
    *(C10, C11, C12, C13, C14, C15, C16, C17, C18),
    *(C19, C20, C21, C22, C23),
)
check_claims(CLAIMS)

__all__ = ["CLAIMS", "Claim", "Hypothesis", "Published", "check_claims"]

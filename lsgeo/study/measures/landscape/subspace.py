"""How much of the gradient lies in the Hessian's top subspace (claim C15)."""

import math

from lsgeo.geometry import top_subspace
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.subject import Subject

# Residual over the largest eigenvalue: eigenvalues that near may stand for one another.
TOLERANCE = 1e-2


def _measure(subject: Subject) -> dict[str, float]:
    found = top_subspace(
        subject.loss,
        subject.params,
        subject.batch,
        key=subject.key,
        top=subject.num_classes,
        tol=TOLERANCE,
    )
    return {"top_gradient_share": math.nan if found.share is None else float(found.share.value)}


SUBSPACE = Measure(
    "subspace",
    columns(
        "top_gradient_share",
        readings=("matched", "end"),
        smallest=Smallest(0.05, "a twentieth of the gradient: seeds differ by about as much"),
        floor=0.0,
        ceiling=1.0,
        follows_rate=True,
    ),
    _measure,
    source="Gur-Ari, Roberts and Dyer 2018: f_top, in as many eigenvectors as classes",
    cost=0.5,
)

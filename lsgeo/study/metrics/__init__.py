"""Metrics: what can be measured of one network, by name. A new one is a file here and a line below."""

from lsgeo.study.metrics.alignment import ALIGNMENT
from lsgeo.study.metrics.conditioning import CONDITIONING
from lsgeo.study.metrics.confusion import CONFUSION
from lsgeo.study.metrics.connectivity import CONNECTIVITY
from lsgeo.study.metrics.escape import ESCAPE
from lsgeo.study.metrics.gates import GATES
from lsgeo.study.metrics.generalization import GENERALIZATION
from lsgeo.study.metrics.gradient_flow import GRADIENT_FLOW
from lsgeo.study.metrics.paths import LESIONS, PATHS
from lsgeo.study.metrics.rank import RANK
from lsgeo.study.metrics.reuse import REUSE
from lsgeo.study.metrics.sharpness import SHARPNESS
from lsgeo.study.metrics.shortcuts import SHORTCUTS
from lsgeo.study.metrics.smoothness import SMOOTHNESS
from lsgeo.study.metrics.stable_rate import STABLE_RATE
from lsgeo.study.metrics.subject import READINGS, Metric, Subject
from lsgeo.study.metrics.subspace import SUBSPACE

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ALIGNMENT,
        CONFUSION,
        CONNECTIVITY,
        ESCAPE,
        GATES,
        GENERALIZATION,
        SHARPNESS,
        SMOOTHNESS,
        GRADIENT_FLOW,
        LESIONS,
        PATHS,
        CONDITIONING,
        CONFUSION,
        GENERALIZATION,
        REUSE,
        SHORTCUTS,
        SUBSPACE,
        RANK,
        STABLE_RATE,
    )
}

__all__ = ["METRICS", "READINGS", "Metric", "Subject"]

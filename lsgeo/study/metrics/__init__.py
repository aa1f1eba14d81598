"""Metrics: what can be measured of one network, by name. A new one is a file here and a line below."""

from lsgeo.study.metrics.confusion import CONFUSION
from lsgeo.study.metrics.generalization import GENERALIZATION
from lsgeo.study.metrics.sharpness import SHARPNESS
from lsgeo.study.metrics.smoothness import SMOOTHNESS
from lsgeo.study.metrics.subject import READINGS, Metric, Subject

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        CONFUSION,
        GENERALIZATION,
        SHARPNESS,
        SMOOTHNESS,
    )
}

__all__ = ["METRICS", "READINGS", "Metric", "Subject"]

"""Geometry of a loss around a point: what needs no more than `loss(params, batch)`."""

from lsgeo import matching, signals
from lsgeo.geometry import (
    connectivity,
    critical,
    dynamics,
    sharpness,
    singularities,
    surfaces,
    terrain,
)
from lsgeo.geometry.connectivity import *
from lsgeo.geometry.critical import *
from lsgeo.geometry.dynamics import *
from lsgeo.geometry.sharpness import *
from lsgeo.geometry.singularities import *
from lsgeo.geometry.surfaces import *
from lsgeo.geometry.terrain import *
from lsgeo.matching import *
from lsgeo.signals import *

__all__ = [
    *connectivity.__all__,
    *critical.__all__,
    *dynamics.__all__,
    *sharpness.__all__,
    *singularities.__all__,
    *surfaces.__all__,
    *terrain.__all__,
    *matching.__all__,
    *signals.__all__,
]

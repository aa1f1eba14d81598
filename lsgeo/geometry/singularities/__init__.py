"""Where hidden units are redundant: the singularities of Orhan and Pitkow (2018), and zero modes by symmetry.

unit_overlap       units with equal incoming weights
unit_elimination   units with vanishing weights
linear_dependence  units that others determine on the data
symmetry_modes     exact zero modes, of `rescaling`, `normalized` or `dense_chain` symmetries
"""

from lsgeo.geometry.singularities.dependence import LinearDependence, linear_dependence
from lsgeo.geometry.singularities.modes import SymmetryModes, symmetry_modes
from lsgeo.geometry.singularities.symmetries import Symmetry, dense_chain, normalized, rescaling
from lsgeo.geometry.singularities.units import (
    UnitElimination,
    UnitOverlap,
    unit_elimination,
    unit_overlap,
)

__all__ = [
    "LinearDependence",
    "Symmetry",
    "SymmetryModes",
    "UnitElimination",
    "UnitOverlap",
    "dense_chain",
    "linear_dependence",
    "normalized",
    "rescaling",
    "symmetry_modes",
    "unit_elimination",
    "unit_overlap",
]

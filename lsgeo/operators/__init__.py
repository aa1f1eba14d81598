"""Curvature as linear operators over pytrees."""

from lsgeo.operators import checks as checks
from lsgeo.operators import curvature
from lsgeo.operators import products as products
from lsgeo.operators.base import LinearOperator
from lsgeo.operators.curvature import *
from lsgeo.operators.diagonals import adam_diagonal
from lsgeo.operators.explicit import dense, from_matvec

__all__ = [
    "LinearOperator",
    "adam_diagonal",
    "dense",
    "from_matvec",
    *curvature.__all__,
]

"""Curvature as linear operators over pytrees."""

from lsgeo.operators.base import LinearOperator
from lsgeo.operators.curvature import gauss_newton, hessian, value_gradient_hessian
from lsgeo.operators.explicit import dense, from_matvec

__all__ = [
    "LinearOperator",
    "dense",
    "from_matvec",
    "gauss_newton",
    "hessian",
    "value_gradient_hessian",
]

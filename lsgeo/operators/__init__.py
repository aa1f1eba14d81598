"""Curvature as linear operators over pytrees."""

from lsgeo.operators.base import LinearOperator
from lsgeo.operators.curvature import hessian, value_gradient_hessian
from lsgeo.operators.diagonals import adam_diagonal
from lsgeo.operators.explicit import dense, from_matvec
from lsgeo.operators.fisher import fisher
from lsgeo.operators.gauss_newton import gauss_newton, split_hessian
from lsgeo.operators.gradients import empirical_fisher, gradient_covariance
from lsgeo.operators.tangent_kernel import ntk

__all__ = [
    "LinearOperator",
    "adam_diagonal",
    "dense",
    "empirical_fisher",
    "fisher",
    "from_matvec",
    "gauss_newton",
    "gradient_covariance",
    "hessian",
    "ntk",
    "split_hessian",
    "value_gradient_hessian",
]

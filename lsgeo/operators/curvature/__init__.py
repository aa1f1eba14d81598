"""Curvature of a loss: Hessian, Gauss-Newton, Fisher, gradients, tangent kernel."""

from lsgeo.operators.curvature.fisher import fisher
from lsgeo.operators.curvature.gauss_newton import gauss_newton, split_hessian
from lsgeo.operators.curvature.gradients import empirical_fisher, gradient_covariance
from lsgeo.operators.curvature.hessian import hessian, value_gradient_hessian
from lsgeo.operators.curvature.tangent_kernel import ntk

__all__ = [
    "empirical_fisher",
    "fisher",
    "gauss_newton",
    "gradient_covariance",
    "hessian",
    "ntk",
    "split_hessian",
    "value_gradient_hessian",
]

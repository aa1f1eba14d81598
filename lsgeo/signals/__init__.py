"""What takes the inside of a network: gradients, activations, Jacobians, paths."""

from lsgeo.signals.backward_lesions import BackwardLesions, backward_lesions
from lsgeo.signals.cka import CKA, linear_cka
from lsgeo.signals.confusion import GradientConfusion, gradient_confusion
from lsgeo.signals.correlation_maps import relu_correlations, tanh_gradient_growth
from lsgeo.signals.effective_depth import EffectiveDepth, effective_depth
from lsgeo.signals.feature_reuse import FeatureReuse, feature_reuse
from lsgeo.signals.gradient_norms import GradientNorms, gradient_norms
from lsgeo.signals.jacobians import JacobianSpectrum, jacobian_spectrum
from lsgeo.signals.path_lengths import PathEnergies, gradient_path_energies, path_length_law
from lsgeo.signals.rank_collapse import rank_one_residual
from lsgeo.signals.residual_alignment import ResidualAlignment, residual_alignment
from lsgeo.signals.shattering import InputGradients, input_gradients

__all__ = [
    "CKA",
    "BackwardLesions",
    "EffectiveDepth",
    "FeatureReuse",
    "GradientConfusion",
    "GradientNorms",
    "InputGradients",
    "JacobianSpectrum",
    "PathEnergies",
    "ResidualAlignment",
    "backward_lesions",
    "effective_depth",
    "feature_reuse",
    "gradient_confusion",
    "gradient_norms",
    "gradient_path_energies",
    "input_gradients",
    "jacobian_spectrum",
    "linear_cka",
    "path_length_law",
    "rank_one_residual",
    "relu_correlations",
    "residual_alignment",
    "tanh_gradient_growth",
]

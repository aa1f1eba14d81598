"""How sharp is a minimum? Nine answers, each with the changes of scale that it is blind to.

Every result names in `invariant_under` the changes of scale that leave it as it is (see
`lsgeo.geometry.sharpness._scalings`); with all others it moves, though the network's function does not.

  hessian_sharpness     lambda_max and trace, of the Hessian or scaled
  average_sharpness     expected increase in a ball; scaled: adaptive average case
  worst_sharpness       largest increase in a ball, from below; scaled: adaptive sharpness
  keskar_sharpness      the same in Keskar's box, in per cent
  sam_sharpness         increase over the one step of SAM, or of ASAM
  pac_bayes_sigma       noise that raises the expected loss by a target
  filter_radius         distance at which a filter-normalised slice has risen
  fisher_rao_norm       <w, F w>
  learning_coefficient  effective number of parameters

The first three, SAM's and the PAC-Bayes one take `scaling`: "none", "magnitude" or "filter".
"""

from lsgeo.geometry.sharpness.average import AverageSharpness, average_sharpness
from lsgeo.geometry.sharpness.curvature import HessianSharpness, hessian_sharpness
from lsgeo.geometry.sharpness.filter_radius import FilterRadius, filter_radius
from lsgeo.geometry.sharpness.fisher_rao import FisherRaoNorm, fisher_rao_norm
from lsgeo.geometry.sharpness.keskar import KeskarSharpness, keskar_sharpness
from lsgeo.geometry.sharpness.learning_coefficient import LearningCoefficient, learning_coefficient
from lsgeo.geometry.sharpness.pac_bayes import PACBayesSigma, pac_bayes_sigma
from lsgeo.geometry.sharpness.sam import SAMSharpness, sam_sharpness
from lsgeo.geometry.sharpness.worst import WorstSharpness, worst_sharpness

__all__ = [
    "AverageSharpness",
    "FilterRadius",
    "FisherRaoNorm",
    "HessianSharpness",
    "KeskarSharpness",
    "LearningCoefficient",
    "PACBayesSigma",
    "SAMSharpness",
    "WorstSharpness",
    "average_sharpness",
    "filter_radius",
    "fisher_rao_norm",
    "hessian_sharpness",
    "keskar_sharpness",
    "learning_coefficient",
    "pac_bayes_sigma",
    "sam_sharpness",
    "worst_sharpness",
]

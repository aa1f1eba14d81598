"""What stands in for a skip, initialisations and activations (C22); where a transformer's norm stands (C23)."""

from lsgeo.plotting import Style
from lsgeo.study.arms.records import Arm

_TRANSFORMERS = ("vit", "decoder", "mixer")

STARTS = (
    Arm(
        "orthogonal",
        "orthogonal, no skip",
        "with orthogonal weights and no skips",
        "none",
        Style("#000000", (3, 0, 90), (0, (1, 1))),
        "#ffffff",
        initializer="orthogonal",
    ),
    Arm(
        "orthogonal-skip",
        "orthogonal, skip",
        "with orthogonal weights and skips",
        "identity",
        Style("#6a4000", (3, 0, 270), (0, (1, 1, 5, 1))),
        "#ead4bf",
        initializer="orthogonal",
    ),
    # Zhang et al. 2022, Deep learning without shortcuts; Martens et al. 2021, Deep kernel shaping.
    Arm(
        "tat",
        "TAT, no skip",
        "with tailored rectifiers and no skips",
        "none",
        Style("#5500ff", (5, 1, 0), (0, (9, 1.5, 1, 1.5, 1, 1.5))),
        "#95ffbf",
        initializer="scaled_orthogonal",
        options=(("activation", "tat"),),
        models=("mlp",),
    ),
    Arm(
        "dks",
        "DKS, no skip",
        "with deep kernel shaping and no skips",
        "none",
        Style("#2a0015", (6, 1, 0), (0, (9, 3, 3, 3))),
        "#00ff00",
        initializer="scaled_orthogonal",
        options=(("activation", "dks_softplus"),),
        models=("mlp",),
    ),
)

# Beside the arm "residual", whose norm stands before a layer.
NORMS = (
    Arm(
        "post-norm",
        "norm behind the sum",
        "with norms behind the skips",
        "identity",
        Style("#bf15ea", (7, 1, 0), (0, (5, 1, 5, 4))),
        "#d42aff",
        options=(("block", "post"),),
        models=_TRANSFORMERS,
    ),
    Arm(
        "scaled-norm",
        "norm / sqrt(layer)",
        "with norms scaled by depth",
        "identity",
        Style("#000040", (8, 1, 0), (0, (2, 4, 7, 4))),
        "#009595",
        options=(("block", "scaled"),),
        models=_TRANSFORMERS,
    ),
    Arm(
        "attention-residuals",
        "attention residuals",
        "with attention over earlier layers",
        "attention",
        Style("#400055", (9, 1, 0), (0, (1, 2, 1, 2, 6, 2))),
        "#0080ff",
        models=("mlp", *_TRANSFORMERS),
    ),
)

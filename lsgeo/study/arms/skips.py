"""No skip, a skip, and the types of skips that networks are compared with."""

from lsgeo.plotting import Style
from lsgeo.study.arms.records import Arm

# The first five colours are Okabe and Ito's, told apart with every common colour blindness (Wong 2011); the
# others are as far as possible from all others in OKLab, with a contrast of 3 to white.
SKIPS = (
    Arm(
        "plain",
        "no skip",
        "without skips",
        "none",
        Style("#d55e00", "s", (0, (5, 1.5))),
        "#f08a3c",
        folder="none",
        ink="#b54d00",
    ),
    Arm(
        "residual",
        "skip",
        "with skips",
        "identity",
        Style("#0072b2", "o", "-"),
        "#56b4e9",
        folder="identity",
    ),
    Arm(
        "scaled",
        "scaled skip",
        "with scaled skips",
        "scaled",
        Style("#009e73", "^", (0, (1.5, 1.2))),
        "#2fc795",
        ink="#00835f",
    ),
    # Separates the skip from the initialisation that it amounts to.
    Arm(
        "identity-biased",
        "identity-biased",
        "with identity-biased weights",
        "none",
        Style("#e69f00", "v", (0, (4, 1.2, 1, 1.2))),
        "#f0b73c",
        initializer="identity",
        ink="#8a5a00",
    ),
    Arm(
        "learnable",
        "learnable skip",
        "with learnable skips",
        "rezero",
        Style("#cc79a7", "P", (0, (6, 2, 2, 2))),
        "#dd93bd",
        ink="#b0568a",
    ),
    # The shortcuts of He et al. 2016, Identity mappings, section 3.1 (claim C11).
    Arm(
        "exclusive-gate",
        "exclusive gate",
        "with exclusive gates",
        "exclusive_gate",
        Style("#0e6918", ">", (0, (8, 2, 1.5, 2))),
        "#73c573",
    ),
    Arm(
        "shortcut-gate",
        "shortcut gate",
        "with gated shortcuts",
        "shortcut_gate",
        Style("#815ffa", "p", (0, (3, 1))),
        "#9582fc",
    ),
    Arm(
        "projection",
        "projection",
        "with projections as skips",
        "projection",
        Style("#887626", "h", (0, (3, 3))),
        "#ad9b4d",
    ),
    Arm(
        "dropout",
        "dropout skip",
        "with dropout on the skips",
        "dropout",
        Style("#9d515c", "8", (0, (1, 3))),
        "#d88690",
    ),
    # Learned skips (claim C12). A shallow network's layer scale starts at 0.1.
    Arm(
        "highway",
        "highway",
        "with highway gates",
        "highway",
        Style("#0026b4", "*", (0, (10, 2, 3, 2))),
        "#9abafc",
    ),
    Arm(
        "layerscale",
        "layer scale",
        "with skips and layer scale",
        "layerscale(start=0.1)",
        Style("#114a57", "d", (0, (3, 1, 1, 1, 1, 1))),
        "#8fc5d4",
    ),
    Arm(
        "hyper",
        "hyper-connections",
        "with hyper-connections",
        "hyper",
        Style("#bd0782", (4, 1, 0), (0, (6, 1, 1, 1, 1, 1))),
        "#fd58b9",
    ),
    Arm(
        "dense",
        "concatenation",
        "with concatenation",
        "dense",
        Style("#00756f", "X", (0, (2, 1, 6, 1))),
        "#4fd1c5",
    ),
    Arm(
        "mhc",
        "mHC",
        "with manifold-constrained hyper-connections",
        "mhc",
        Style("#73154f", (3, 1, 0), (0, (12, 2))),
        "#fc94ca",
    ),
)

"""Claims about depth: what stays as networks get deeper (C19, C20), and how long a shortcut is (C21)."""

from lsgeo.study.claims.records import OWN_BAR, RESIDUAL, Claim, Hypothesis, Published
from lsgeo.study.contrasts.depths import DepthSlope
from lsgeo.study.contrasts.paired import Within

NATS = "nats / parameter²"
BARE, ROOT, INVERSE = RESIDUAL, (("plain", "scaled"),), (("plain", "inverse"),)
TWO_LAYER = (("two-layer", "two-layer-scaled"),)
# Of exponents that are predicted to be 0: from depth 4 to 32 this is a factor of 1.9.
FLAT = 0.3

_RATE = {
    "unit": "parameter² / nat",
    "readings": ("init",),
    "models": ("mlp",),
    "threshold": OWN_BAR,
}
_SHARP = {"unit": NATS, "readings": ("matched",), "threshold": OWN_BAR}

C19 = Claim(
    "C19",
    "Depth transfer",
    "With branches divided by the square root of depth, curvature and learning rate do not depend on depth",
    (
        Hypothesis(
            "C19a",
            "With branches / sqrt(L) the largest curvature goes like L^0",
            DepthSlope("lambda_max", low=-FLAT, high=FLAT),
            "exponent of depth of the largest Hessian eigenvalue, within 0.3 of 0",
            "the exponent is below -0.3 or above 0.3",
            arms=ROOT,
            published=(
                Published(
                    "under depth-muP, with branches / sqrt(L), the sharpness along training and the best "
                    "learning rate are the same at all depths (ResNets, vision transformers)",
                    "Noci et al. 2024",
                    1,
                ),
            ),
            **_SHARP,
        ),
        Hypothesis(
            "C19b",
            "With bare skips the largest curvature grows with depth",
            DepthSlope("lambda_max", low=FLAT),
            "exponent of depth of the largest Hessian eigenvalue, above 0.3",
            "the exponent is below 0.3",
            arms=BARE,
            **_SHARP,
        ),
        Hypothesis(
            "C19c",
            "With branches / L the largest curvature does not grow with depth",
            DepthSlope("lambda_max", high=FLAT),
            "exponent of depth of the largest Hessian eigenvalue, below 0.3; 0 where stem and head have it",
            "the exponent is above 0.3",
            arms=INVERSE,
            **_SHARP,
        ),
        Hypothesis(
            "C19d",
            "With branches / sqrt(L) the largest stable learning rate goes like L^0",
            DepthSlope("stable_rate", low=-FLAT, high=FLAT),
            "exponent of depth of the largest rate with which gradient descent trains, within 0.3 of 0",
            "the exponent is below -0.3 or above 0.3",
            arms=ROOT,
            **_RATE,
        ),
        Hypothesis(
            "C19e",
            "With bare skips the largest stable learning rate falls with depth",
            DepthSlope("stable_rate", high=-FLAT),
            "exponent of depth of the largest rate with which gradient descent trains, below -0.3",
            "the exponent is above -0.3",
            arms=BARE,
            published=(
                Published(
                    "the largest rate of a mean-field ReLU network without skips goes like L^(-3/2): what a "
                    "skip is to repair",
                    "Jelassi et al. 2023",
                ),
            ),
            **_RATE,
        ),
        Hypothesis(
            "C19f",
            "With branches / L the largest stable learning rate does not fall with depth",
            DepthSlope("stable_rate", low=-FLAT),
            "exponent of depth of the largest rate with which gradient descent trains, above -0.3",
            "the exponent is below -0.3",
            arms=INVERSE,
            **_RATE,
        ),
        Hypothesis(
            "C19g",
            "With branches / sqrt(L) the fastest learning rate goes like L^0",
            DepthSlope("best_learning_rate", low=-0.5, high=0.5),
            "exponent of depth of the rate of a grid that trains fastest, within 0.5 of 0, for it moves in "
            "steps",
            "the exponent is below -0.5 or above 0.5",
            readings=("",),
            arms=ROOT,
            threshold=OWN_BAR,
        ),
    ),
    protocol="Slope of least squares of the metric's logarithm on that of depth, for each seed, at the same "
    "training loss; branch scales L^-a with a = 0, 1/2 and 1, everything else the same.",
    contested="Depths are few, and a power of two or three of them is no law. At a fixed width the limit of "
    "large "
    "depth is not that of the theory, which is wide first. Blocks of more than one layer do not transfer "
    "(C20).",
)

C20 = Claim(
    "C20",
    "Two-layer blocks",
    "In blocks of two layers with branches divided by the square root of depth, the first layer learns less "
    "and "
    "less as the network gets deeper",
    (
        Hypothesis(
            "C20a",
            "The first layer of a block moves like 1 / sqrt(L)",
            DepthSlope("movement_first", low=-0.75, high=-0.25),
            "exponent of depth of ||W - W_0|| / ||W_0|| of the blocks' first kernels, within 0.25 of -1/2",
            "the exponent is above -0.25 or below -0.75",
            readings=("matched", "end"),
            arms=TWO_LAYER,
            threshold=OWN_BAR,
            published=(
                Published(
                    "the 1 / sqrt(depth) of the branch lets feature learning in the first internal layer of a "
                    "two-layer block collapse at large depth; a learning rate for it that grows with depth "
                    "repairs that",
                    "Yao, Wu and Gao 2025",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C20b",
            "The stream moves as far at any depth",
            DepthSlope("movement_stream", low=-FLAT, high=FLAT),
            "exponent of depth of the relative movement of the last block's stream, within 0.3 of 0",
            "the exponent is below -0.3 or above 0.3: then less is learned in all, not in the first layer "
            "alone",
            readings=("matched", "end"),
            arms=TWO_LAYER,
            threshold=OWN_BAR,
        ),
    ),
    protocol="Relative movement of weights and stream from initialisation to the same training loss, slope "
    "over "
    "depth for each seed. The exponent -1/2 is that of a gradient through a branch / sqrt(L), at a number of "
    "steps and a rate that do not depend on depth.",
    contested="The last layer's weights move like 1 / sqrt(L), too: there the movements of all blocks add "
    "up in "
    "the stream, while within a block nothing adds to the first layer's. At width 16 weights move far more "
    "than "
    "in the wide limit.",
)

_LINEAR = {"readings": ("init",), "models": ("mlp",), "norms": ("none",), "threshold": OWN_BAR}

C21 = Claim(
    "C21",
    "Shortcut length",
    "Shortcuts over two layers make the condition of the Hessian near zero weights independent of depth; "
    "over one or three they do not",
    (
        Hypothesis(
            "C21a",
            "Over two layers the condition number near zero weights goes like L^0",
            DepthSlope("zero_condition_2", low=-0.1, high=0.1),
            "exponent of depth of max |lambda| / min |lambda| of a deep linear residual chain, within 0.1 of 0",
            "the exponent differs from 0 by 0.1",
            published=(
                Published(
                    "with shortcuts over two layers the condition number at zero is the same at all depths",
                    "Li et al. 2016, Demystifying ResNet",
                    1,
                ),
            ),
            **_LINEAR,
        ),
        Hypothesis(
            "C21b",
            "Over one layer the condition number near zero weights grows like L or faster",
            DepthSlope("zero_condition_1", low=0.75),
            "the same exponent, above 0.75: the largest eigenvalue goes like L, the smallest may fall",
            "the exponent is below 0.75",
            published=(
                Published(
                    "with shortcuts over one layer it explodes with the number of layers, as without any",
                    "Li et al. 2016, Demystifying ResNet",
                    1,
                ),
            ),
            **_LINEAR,
        ),
        Hypothesis(
            "C21c",
            "Over three layers there is hardly any curvature near zero weights",
            Within("zero_curvature_3", high=0.1),
            "largest |lambda| there, relative to that of shortcuts over two layers, below a tenth",
            "it is above a tenth",
            published=(
                Published(
                    "shortcuts of higher depth make the zero point an extremely flat stationary one",
                    "Li et al. 2016, Demystifying ResNet",
                    1,
                ),
            ),
            **_LINEAR,
        ),
    ),
    protocol="The Hessian of a chain of linear blocks at weights from N(0, 0.01^2), fitted by least squares to "
    "three principal components of the study's images and labels, by complex steps in float64. No network is "
    "trained.",
    contested="Near zero is no usual initialisation, and linear blocks are no network. Over two layers, zero "
    "is a strict saddle: half of its eigenvalues are negative. Its condition number is that of the data, and "
    "no less. At zero itself all three are identities: a constant, a growing number, and no curvature at all.",
)

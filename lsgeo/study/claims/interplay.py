"""The claim about interplay: skips with norms and with attention (C13)."""

from lsgeo.study.claims.records import BOTH_SCALES, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Interaction, LogRatio

LARGEST = LogRatio("lambda_max")
FALSIFIER = "the interaction does not differ from zero"

# No sign is predicted.
_EITHER_WAY = {"readings": ("matched", "init"), "arms": BOTH_SCALES, "two_sided": True}

C13 = Claim(
    "C13",
    "Norm and attention",
    "What skip connections do depends on normalisation and on attention",
    (
        Hypothesis(
            "C13a",
            "In MLPs, what skip connections do to the largest curvature depends on layer norm",
            Interaction(LARGEST, norm="layer"),
            "largest Hessian eigenvalue without over with skips, without norm over with layer norm",
            FALSIFIER,
            **_EITHER_WAY,
            models=("mlp",),
            norms=("none",),
            published=(
                Published(
                    "in training, isolated outlying eigenvalues grow without batch norm and not with it",
                    "Ghorbani et al. 2019",
                ),
            ),
        ),
        Hypothesis(
            "C13b",
            "In vision transformers, what skip connections do to the largest curvature depends on layer norm",
            Interaction(LARGEST, norm="layer"),
            "largest Hessian eigenvalue without over with skips, without norm over with layer norm",
            FALSIFIER,
            **_EITHER_WAY,
            models=("vit",),
            norms=("none",),
            published=(
                Published(
                    "with the norm behind the sum (post-LN), output-side gradients are large at first",
                    "Xiong et al. 2020",
                ),
            ),
        ),
        Hypothesis(
            "C13c",
            "What skip connections do to the largest curvature differs between MLPs and attention",
            Interaction(LARGEST, family="ViT"),
            "largest Hessian eigenvalue without over with skips, in MLPs over in vision transformers",
            FALSIFIER,
            **_EITHER_WAY,
            models=("mlp",),
            norms=("layer", "none"),
            published=(
                Published(
                    "attention flattens the largest eigenvalue, yet on small data vision transformers "
                    "have more negative curvature",
                    "Park and Kim 2022",
                ),
            ),
        ),
        Hypothesis(
            "C13d",
            "Without skip connections the tokens of a vision transformer end up more alike",
            LogRatio("rank_one_residual", resolution="rank_one_resolution", larger="with"),
            "distance of the tokens from their mean, as a share of their norm",
            "the tokens without skips are no more alike than with them",
            readings=("init",),
            arms=BOTH_SCALES,
            models=("vit",),
            published=(
                Published(
                    "attention without skips and MLPs collapses to rank one doubly exponentially in depth",
                    "Dong et al. 2021",
                    1,
                ),
            ),
        ),
    ),
    protocol="Twins of MLPs and of vision transformers (norm in front of each branch) without norm and with "
    "layer norm; difference of the two log-ratios, seed by seed, averaged over the depths that both sides "
    "have and at which three seeds or more have a number on either side. MLPs and transformers are compared "
    "at equal depths alone. No sign is predicted. Rank collapse is read off the tokens above the last block "
    "at initialisation.",
    contested="A transformer without skips fails by rank collapse, another failure than the rough landscape "
    "of a deep convolutional network; families differ in width and training as well as in attention. A depth "
    "at which plain networks do not get to the common loss is left out, so that the interplay is one of "
    "networks that train.",
    changed="C13a and C13b asked for all depths at once and were blank where a plain network of one depth "
    "never got to the common loss -> the depths that there are. C13c laid MLPs of 4 to 16 blocks beside "
    "transformers of 4 -> equal depths alone.",
    quote="the interplay between skip connections and other architectural elements—such as attention "
    "mechanisms and normalization layers",
)

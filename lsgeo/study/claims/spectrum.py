"""Claims about the spectrum's structure: the outlier subspace (C15), conditioning (C16)."""

from lsgeo.study.claims.records import (
    BOTH_SCALES,
    OWN_BAR,
    SAFE_DEPTH,
    Claim,
    Hypothesis,
    Published,
)
from lsgeo.study.contrasts import Difference, LogRatio, Within

STRENGTHS = (("plain", "residual"), ("plain", "halved"), ("halved", "residual"))

C15 = Claim(
    "C15",
    "Outlier subspace",
    "Skip connections change how much of the gradient lies in the Hessian's top subspace",
    (
        Hypothesis(
            "C15a",
            "The top subspace holds another share of the gradient with skips than without",
            Difference("top_gradient_share", larger="with"),
            "share of the squared gradient in as many top eigenvectors as classes",
            "the share does not differ between twins",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            two_sided=True,
        ),
        Hypothesis(
            "C15b",
            "With skip connections the top subspace holds most of the gradient",
            Within("top_gradient_share", low=0.5),
            "share of the squared gradient in as many top eigenvectors as classes",
            "the share with skips is below one half",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            threshold=OWN_BAR,
            published=(
                Published(
                    "most of the gradient soon lies in as many top eigenvectors as classes",
                    "Gur-Ari, Roberts and Dyer 2018, by a secondary source",
                    1,
                ),
            ),
        ),
    ),
    protocol="Top eigenvectors of the Hessian, as many as classes, and the full-batch gradient of the same "
    "loss, at a depth whose networks the learning rate does not hold. No essay says so; the claim is there "
    "to keep alignment apart from progress.",
    contested="Alignment is no progress: training that is projected on the top space stalls, and the bulk "
    "learns (Song, Ahn and Yun 2024). The share moves with the batch and the step size.",
    changed="The deciding twins stood at the optimiser's limit, where the gradient lies along the sharpest "
    "directions in every network -> a depth of 4, far below the limit.",
)

C16 = Claim(
    "C16",
    "Conditioning",
    "Skip connections make the optimisation problem better conditioned",
    (
        Hypothesis(
            "C16a",
            "The tangent kernel's eigenvalues are less spread the stronger the skip",
            LogRatio("ntk_spread"),
            "arithmetic over geometric mean of the nonzero eigenvalues of the tangent kernel of 32 examples",
            "the ratio of the spreads without and with skips is at most 1",
            readings=("init", "matched"),
            arms=STRENGTHS,
        ),
        Hypothesis(
            "C16b",
            "The tangent kernel's condition number is lower the stronger the skip",
            LogRatio("ntk_condition"),
            "largest over smallest nonzero eigenvalue of the same kernel",
            "the ratio of the condition numbers without and with skips is at most 1 at depths of 8 and more",
            readings=("init", "matched"),
            arms=STRENGTHS,
            published=(
                Published(
                    "bounds on the condition number of deep linear networks improve with W + beta I",
                    "Zhao, Singh and Lucchi 2024",
                    1,
                ),
            ),
        ),
    ),
    protocol="Kernel of the logits of the same 32 training examples at initialisation, then at the same "
    "training loss, without a skip, with half of one and with a whole one; zero modes are cut at the "
    "rounding of the Jacobian, which the condition number feels and the spread hardly.",
    contested="The smallest eigenvalue is that of two similar examples, and a network that loses whole "
    "directions loses them from the ratio as well: see the rank beside it. A square linear network's "
    "landscape is the same with and without a skip, but for the place where it starts.",
    quote="a more structured optimization problem",
)

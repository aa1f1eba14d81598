"""Claims about curvature: saddles (C2), basins (C3), sharpness (C4)."""

from lsgeo.study.claims.records import BOTH_SCALES, Claim, Hypothesis, Published
from lsgeo.study.contrasts import LogRatio

NATS = "nats / parameter²"

C2 = Claim(
    "C2",
    "Saddles",
    "Skip connections remove bad saddles",
    (
        Hypothesis(
            "C2a",
            "Skip connections remove flat, degenerate directions around saddles",
            LogRatio("zero_fraction", resolution="zero_fraction_open"),
            "share of near-zero Hessian eigenvalues, within 1 % of the largest",
            "the share is not lower with skips at a depth of 16",
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C2b",
            "Skip connections leave fewer directions of negative curvature",
            LogRatio("negative_fraction", resolution="negative_fraction_open"),
            "share of negative Hessian eigenvalues, beyond 1 % of the largest",
            "the share is higher with skips",
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C2c",
            "Skip connections make the remaining negative curvature relatively weak",
            LogRatio("negative_ratio", resolution="noise_ratio"),
            "|lambda_min| / lambda_max",
            "the ratio is not lower with skips",
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
        ),
    ),
    protocol="Twins trained at one small learning rate and compared at the same training loss; Lanczos density "
    "and extreme eigenvalues of the Hessian.",
    contested="Even the identity point of a deep linear residual network is indefinite (index (L - 1) n (n + 1) "
    "/ 2), and thresholds relative to the largest eigenvalue move with it.",
    quote="shortcuts can effectively bypass problematic saddle points",
)

C4 = Claim(
    "C4",
    "Sharp minima",
    "Without skip connections minima are sharp",
    (
        Hypothesis(
            "C4a",
            "Without skip connections the largest curvature is higher",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue",
            "the log-ratio is not positive in four of five seeds at large depth",
            unit=NATS,
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C4b",
            "Without skip connections the average curvature is higher",
            LogRatio("trace"),
            "trace of the Hessian",
            "as for the largest eigenvalue",
            unit=NATS,
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
            published=(
                Published(
                    "the trace rises at every depth from 20 to 56 when the residual connections go "
                    "(ResNets with batch norm, CIFAR-10)",
                    "Yao et al. 2020",
                    1,
                ),
            ),
        ),
    ),
    protocol="Twins compared at the same training loss; the largest eigenvalue with its residual, the trace with "
    "its standard error.",
    contested="Sharpness is not invariant under reparametrisation (Dinh et al. 2017) and does not cause "
    "generalisation (Andriushchenko et al. 2023).",
    quote="sharp minima and plateaus",
)

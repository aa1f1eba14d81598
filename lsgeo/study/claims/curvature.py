"""Claims about curvature: saddles (C2) and sharp minima (C4)."""

from lsgeo.study.claims.records import BOTH_SCALES, SAFE_DEPTH, Claim, Hypothesis, Published
from lsgeo.study.contrasts import LogRatio

NATS = "nats / parameter²"
ALL = ("matched", "init", "end")
MINIMA = ("matched", "end")
# Every direction is counted in the dense Hessian, which only small networks have.
_DENSE = {"arms": BOTH_SCALES, "models": ("mlp",)}


def _count(column):
    # An eigenvalue more is what the count cannot tell from none.
    return LogRatio(column, resolution="eigenvalue_share")


C2 = Claim(
    "C2",
    "Saddles",
    "Skip connections remove bad saddles",
    (
        Hypothesis(
            "C2a",
            "Skip connections leave fewer degenerate directions",
            _count("flat_rel_1e-4"),
            "share of Hessian eigenvalues within 1e-4 of the largest",
            "the share is not lower with skips",
            **_DENSE,
            published=(
                Published(
                    "skips break singularities in which units overlap, are eliminated or depend linearly on "
                    "each other",
                    "Orhan and Pitkow 2018",
                    1,
                ),
                Published(
                    "spectra without batch norm gather near zero early in training (ResNets, CIFAR-10)",
                    "Yao et al. 2020",
                ),
            ),
        ),
        Hypothesis(
            "C2e",
            "So they do at a threshold a hundred times as fine",
            _count("flat_rel_1e-6"),
            "share of Hessian eigenvalues within 1e-6 of the largest",
            "the share is not lower with skips",
            **_DENSE,
        ),
        Hypothesis(
            "C2f",
            "So they do by a threshold that does not move with the largest eigenvalue",
            _count("flat_abs_1e-2"),
            "share of Hessian eigenvalues within 0.01",
            "the share is not lower with skips: then C2a is about the largest eigenvalue",
            **_DENSE,
        ),
        Hypothesis(
            "C2g",
            "So they do by a fine threshold that does not move with the largest eigenvalue",
            _count("flat_abs_1e-4"),
            "share of Hessian eigenvalues within 0.0001",
            "the share is not lower with skips",
            **_DENSE,
        ),
        Hypothesis(
            "C2b",
            "Skip connections leave fewer directions of negative curvature",
            _count("negative_rel_1e-4"),
            "share of Hessian eigenvalues below -1e-4 of the largest",
            "the share is not lower with skips",
            **_DENSE,
            published=(
                Published(
                    "deep linear networks have no bad local minima, and only beyond three layers saddles "
                    "without negative curvature",
                    "Kawaguchi 2016",
                ),
            ),
        ),
        Hypothesis(
            "C2h",
            "Skip connections leave fewer directions of strongly negative curvature",
            _count("negative_abs_1e-1"),
            "share of Hessian eigenvalues below -0.1",
            "the share is not lower with skips",
            **_DENSE,
        ),
        Hypothesis(
            "C2i",
            "Skip connections leave fewer directions of weakly negative curvature",
            _count("negative_abs_1e-2"),
            "share of Hessian eigenvalues below -0.01",
            "the share is not lower with skips",
            **_DENSE,
        ),
        Hypothesis(
            "C2c",
            "Skip connections make the remaining negative curvature relatively weak",
            LogRatio("negative_ratio", resolution="noise_ratio"),
            "|lambda_min| / lambda_max",
            "the ratio is not lower with skips",
            readings=ALL,
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C2d",
            "With skip connections training spends less time on the plateau around a uniform guess",
            LogRatio("plateau_steps", resolution="plateau_resolution"),
            "updates between 1.05 and 0.95 times the loss of a uniform guess, at the common learning rate",
            "the twins need as many updates",
            unit="updates",
            readings=("",),
            arms=BOTH_SCALES,
            published=(
                Published(
                    "gradients and Hessians vanish with depth where the width is small beside it",
                    "Orvieto et al. 2021",
                ),
            ),
        ),
    ),
    protocol="Twins trained at one small learning rate and compared at the same training loss. Every "
    "eigenvalue of the dense Hessian in float64, of MLPs of up to 6,500 parameters; thresholds relative to "
    "the largest eigenvalue and absolute ones, for they may disagree. |lambda_min| / lambda_max by Lanczos, "
    "in all families.",
    contested="Even the identity point of a deep linear residual network is indefinite, with index (L - 1) n "
    "(n + 1) / 2, and thresholds relative to the largest eigenvalue move with it: what is degenerate beside "
    "a sharp direction need not be flat. Points where only the gradient is flat pass for critical ones (Frye "
    "et al. 2021): nothing here is counted at a point that a search for small gradients found. Nonlinear "
    "networks do have bad minima (Yun et al. 2019, Goldblum et al. 2020), and a plateau of the loss need not "
    "be a saddle: negative curvature is not measured on the way.",
    quote="can effectively bypass problematic saddle points",
    changed="C2a counted eigenvalues within 1 % of the largest by a short Lanczos density: 92 to 99.8 % in "
    "every network, so that the wholly degenerate twin could not have differed by the bar, and "
    "“contradicted” was the only possible answer -> dense Hessians at 1e-4 (C2a, C2b) and 1e-6 (C2e) of the "
    "largest eigenvalue and at absolute thresholds (C2f to C2i).",
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
            "the log-ratio is not positive, or its sign is not that of "
            "the adaptive sharpness (C3d): the difference is then an artefact of the parametrisation",
            unit=NATS,
            readings=MINIMA,
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C4b",
            "Without skip connections the average curvature is higher",
            LogRatio("trace"),
            "trace of the Hessian",
            "the log-ratio is not positive",
            unit=NATS,
            readings=MINIMA,
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            published=(
                Published(
                    "the trace rises at every depth from 20 to 56 when the residual connections go "
                    "(ResNets with batch norm, CIFAR-10)",
                    "Yao et al. 2020",
                    1,
                ),
                Published(
                    "without batch norm the trace is about 10 000 against 2 000 with it for ResNet-32, and "
                    "lower than with it for ResNet-20 (CIFAR-10)",
                    "Yao et al. 2020",
                ),
                Published(
                    "accuracies at depth 20, 32, 38 and 56 with residual connections 92.01, 92.05, 92.37 and "
                    "93.59 %, without 90.66, 89.80, 88.92 and 87.38 % (ResNets with batch norm, CIFAR-10)",
                    "Yao et al. 2020",
                ),
            ),
        ),
        Hypothesis(
            "C4c",
            "Without skip connections the loss rises more in a small box",
            LogRatio("keskar_sharpness"),
            "Keskar's sharpness in a box of 0.001 (|w| + 1)",
            "the rise is not larger without skips",
            unit="%",
            readings=MINIMA,
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C4d",
            "At the start it is the other way round without a norm: bare skips make the loss sharper",
            LogRatio("lambda_max", larger="with"),
            "largest Hessian eigenvalue at initialisation",
            "the largest eigenvalue at initialisation is no larger with bare skips",
            unit=NATS,
            readings=("init",),
            depth=SAFE_DEPTH,
            norms=("none",),
        ),
        Hypothesis(
            "C4e",
            "At the start and with a norm, the loss is sharper without skip connections",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue at initialisation",
            "the largest eigenvalue at initialisation is no larger without skips",
            unit=NATS,
            readings=("init",),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            norms=("layer", "batch"),
        ),
        Hypothesis(
            "C4f",
            "At a learning rate of zero the largest curvature is higher without skip connections",
            LogRatio("sharpness_limit"),
            "largest Hessian eigenvalue, from trainings at the rate, a third and a tenth of it on to zero",
            "the log-ratio is not positive; an eigenvalue that does not settle as the rate falls is a bound",
            unit=NATS,
            arms=BOTH_SCALES,
            models=("mlp",),
        ),
    ),
    protocol="Twins compared at the same training loss and at the end of training, trained at one small "
    "learning rate, for at a tuned one the largest eigenvalue reads back that rate; the depth that decides "
    "is 4, where all twins stand far below 30 % of the optimiser's stability limit, and the largest share of "
    "it stands beside every number. With the residual of the eigenvalue and the standard error of the trace. "
    "The start is no minimum and has hypotheses of its own.",
    contested="Sharpness is not invariant under reparametrisation (Dinh et al. 2017); it does not correlate "
    "well with generalisation (Andriushchenko et al. 2023), and the largest eigenvalue moves without it "
    "(Kaur et al. 2022).",
    quote="sharp minima and plateaus",
    changed="C4a and C4b counted networks at initialisation among minima, which alone made the claim “depend "
    "on protocol” (31 to 0 elsewhere) -> minima alone, and the start in C4d and C4e. The deciding depth was "
    "16, where the plain twin stood at 79 % of the optimiser's limit, so that “x49” was a reading of the "
    "learning rate -> 4, where all stand below a tenth of it.",
)

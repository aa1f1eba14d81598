"""Claims about features and errors: their reuse (C8), generalisation (C9), skip types (C11)."""

from lsgeo.study.claims.records import BOTH_SCALES, OWN_BAR, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Difference, LogRatio, RankCorrelation, Within
from lsgeo.study.measures import Smallest

CONCATENATION = (("plain", "dense"),)
SAME_SIZE = ("plain", "residual", "scaled", "identity-biased", "learnable")
TYPES = (
    "plain",
    "residual",
    "halved",
    "exclusive-gate",
    "shortcut-gate",
    "projection",
    "dropout",
    "highway",
)
# These two name the condition alone: a study that has both has the other types too.
TYPES_ENDS = (("residual", "projection"),)

C8 = Claim(
    "C8",
    "Feature reuse",
    "Skip connections let later layers reuse the features of earlier ones",
    (
        Hypothesis(
            "C8a",
            "The last block's stream is more like the first one's with skips",
            Difference("cka_first_last", larger="with"),
            "linear CKA between the streams above the first and the last block",
            "the alignment is not larger with skips",
            readings=("matched", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C8b",
            "Half-way up, a linear probe reads the classes better with skips",
            Difference("probe_half", larger="with"),
            "test accuracy of a logistic regression on the stream at half depth",
            "the accuracy is not larger with skips",
            readings=("matched", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C8c",
            "Concatenation lowers the test error",
            Difference("test_error"),
            "test error at the same training loss",
            "the error is not lower with concatenation",
            readings=("matched", "end"),
            arms=CONCATENATION,
            models=("densenet",),
            published=(
                Published(
                    "test error 4.51 % of DenseNet-BC-100-12 (0.8 million parameters) on CIFAR-10, against "
                    "4.62 % of the pre-activation ResNet-1001 at batches of 64: rivals, not twins",
                    "Huang et al. 2017; He et al. 2016b",
                ),
            ),
        ),
        Hypothesis(
            "C8d",
            "Concatenation lowers the largest curvature",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue",
            "the log-ratio is not positive",
            unit="nats / parameter²",
            readings=("matched", "init", "end"),
            arms=CONCATENATION,
            models=("densenet",),
        ),
        Hypothesis(
            "C8e",
            "Layers of a DenseNet give early features at least half the weight of late ones",
            Within("early_weight_share", low=1 / 3),
            "share of early features in the mean |weight| of a layer's sources; 1/2 at initialisation",
            "the share is below a third",
            readings=("end", "matched"),
            arms=CONCATENATION,
            threshold=OWN_BAR,
            models=("densenet",),
        ),
    ),
    protocol="Representations of the same examples above the first and the last block at the same training "
    "loss; of DenseNets, weights on older and newer sources, and the twin without concatenation.",
    contested="A few strong directions decide CKA (Davari et al. 2023), and a shared stream is alike by "
    "construction. A DenseNet's plain twin of equal width has fewer parameters: equal widths and equal counts "
    "cannot both be had, so that C8c and C8d confound concatenation with size. Weights alone are not use.",
    quote="facilitate feature reuse",
)

C9 = Claim(
    "C9",
    "Generalisation",
    "Skip connections improve generalisation",
    (
        Hypothesis(
            "C9a",
            "At the same training loss the test error is lower with skips",
            Difference("test_error"),
            "test error",
            "the error is not lower with skips by a percentage point",
            readings=("matched", "end"),
            arms=BOTH_SCALES,
            published=(
                Published(
                    "test error 8.75 / 7.51 / 7.17 / 6.97 / 6.43 % of ResNet-20 / 32 / 44 / 56 / 110 on "
                    "CIFAR-10: depth helps with skips (there is no plain twin among them)",
                    "He et al. 2016",
                ),
                Published(
                    "test error 7.93 % of ResNet-1202, whose training error is below 0.1 %: it overfits "
                    "(there is no plain twin of it)",
                    "He et al. 2016",
                ),
                Published(
                    "test error 6.18 % of ResNet-1202, the best of all depths, in a public reproduction: that "
                    "overfitting did not replicate",
                    "a public reproduction of He et al. 2016",
                ),
                Published(
                    "top-1 error 27.6 % of ResNet-50 trained by Fixup alone against 23.6 % with batch norm "
                    "(ImageNet): what trains need not generalise",
                    "Zhang et al. 2019, by a secondary source",
                ),
            ),
        ),
        Hypothesis(
            "C9b",
            "At the same training loss the gap between test and training error is smaller with skips",
            Difference("error_gap"),
            "test error - training error",
            "the interval of the difference contains 0",
            readings=("matched", "end"),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C9c",
            "After training the test loss is lower with skips",
            Difference("test_loss_here"),
            "test loss",
            "the test loss is not lower with skips",
            unit="nats",
            readings=("end",),
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C9d",
            "Over networks, sharper ones have the larger gap",
            RankCorrelation("lambda_max", "error_gap", SAME_SIZE),
            "Spearman correlation of the largest Hessian eigenvalue and the error gap over arms",
            "the correlation is not positive",
            readings=("matched", "end"),
            threshold=Smallest(
                0.2, "of a rank correlation: with five arms one exchange of neighbours is 0.1"
            ),
        ),
    ),
    protocol="Training and test figures of twins at the same training loss and at the end of training; the "
    "correlation is over arms, within each seed.",
    contested="Trainable is not better: learned gates train faster and end with the larger error (ReZero). "
    "Sharpness and gap need not go together (Andriushchenko et al. 2023; Kaur et al. 2022), and a correlation "
    "over arms is no cause.",
    quote="improved generalization capabilities",
)

C11 = Claim(
    "C11",
    "Skip types",
    "The type of the skip connection decides, by what its shortcut lets through",
    (
        Hypothesis(
            "C11a",
            "The further a shortcut's derivative is from 1, the larger is the test error",
            RankCorrelation("shortcut_deviation", "test_error", TYPES, least=0.5),
            "Spearman correlation of |product of h' - 1| and the test error over skip types, minus 0.5",
            "the correlation is below 0.5",
            readings=("matched", "end"),
            arms=TYPES_ENDS,
            threshold=OWN_BAR,
            published=(
                Published(
                    "test error of ResNet-110 on CIFAR-10: identity 6.61 %, 1x1 convolutions 12.22 %; dropout "
                    "on the shortcut fails, and so do networks without one, at over 20 %",
                    "He et al. 2016b, by a secondary source",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C11b",
            "The further a shortcut's derivative is from 1, the larger is the largest curvature",
            RankCorrelation("shortcut_deviation", "lambda_max", TYPES, least=0.5),
            "Spearman correlation of |product of h' - 1| and the largest eigenvalue over skip types, minus 0.5",
            "the correlation is below 0.5",
            readings=("matched", "init", "end"),
            arms=TYPES_ENDS,
            threshold=OWN_BAR,
        ),
    ),
    protocol="Eight skip types, of equal depth and width, ranked within each seed by the product over all "
    "blocks of the mean derivative of their shortcut.",
    contested="Gates and projections bring parameters of their own. The product says nothing of the branch, "
    "and is the same for a convolution that mixes channels and for no shortcut.",
    quote="how different types of skip connections influence various datasets",
)

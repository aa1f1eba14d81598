"""Claims about features and errors: their reuse (C8), generalisation (C9), skip types (C11)."""

from lsgeo.study.claims.records import BOTH_SCALES, OWN_BAR, Claim, Hypothesis, Published
from lsgeo.study.contrasts import ArmCorrelation, Difference, LogRatio, RankCorrelation, Within
from lsgeo.study.measures import Smallest

CONCATENATION = (("plain", "dense"),)
# Of as many parameters as with concatenation, as near as whole channels come.
EQUAL_SIZE = (("plain-wide", "dense"), ("plain", "dense"))
# The type of the skip is what C9d correlates over: the unit is the arm.
NETWORKS = (
    *("plain", "residual", "scaled", "halved", "exclusive-gate", "shortcut-gate", "projection"),
    *("dropout", "highway", "learnable", "layerscale", "hyper", "mhc"),
)
# The shortcut times a constant: 0, 1/4, 1/2, 3/4, 9/10, 1, 11/10, 5/4.
FACTORS = (
    *("plain", "shortcut-0.25", "halved", "shortcut-0.75", "shortcut-0.9"),
    *("residual", "shortcut-1.1", "shortcut-1.25"),
)
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
FACTORS_ENDS = (("residual", "shortcut-0.9"),)

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
            "Concatenation lowers the test error of a network of as many parameters",
            Difference("test_error"),
            "test error at the same training loss",
            "the error is not lower with concatenation",
            readings=("matched", "end"),
            arms=EQUAL_SIZE,
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
            "Concatenation lowers the largest curvature of a network of as many parameters",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue",
            "the log-ratio is not positive",
            unit="nats / parameter²",
            readings=("matched", "end"),
            arms=EQUAL_SIZE,
            models=("densenet",),
        ),
        Hypothesis(
            "C8f",
            "A DenseNet that is retrained without the far half of each layer's inputs errs more",
            Difference("test_error"),
            "test error at the same training loss, of as many parameters",
            "without the far half the error is no larger",
            readings=("matched", "end"),
            arms=(("dense-near", "dense"),),
            models=("densenet",),
            published=(
                Published(
                    "layers of a trained DenseNet spread their weights over all earlier features of a stage",
                    "Huang et al. 2017, figure 5",
                ),
            ),
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
    "loss. Of DenseNets, the weights on older and newer sources; a twin without concatenation, with so many "
    "more channels that it has as many parameters; and one that is trained with the newer half of each "
    "layer's inputs alone, of as many parameters again.",
    contested="A few strong directions decide CKA (Davari et al. 2023), and a shared stream is alike by "
    "construction. Equal widths and equal counts cannot both be had without concatenation: both twins are "
    "compared, the one of equal count first. Weights alone are not use; training without the far inputs is "
    "the test of it.",
    quote="facilitate feature reuse",
    changed="C8c and C8d compared 11,758 parameters with 2,638 -> a twin of equal size first. C8e read "
    "weights, which are not use -> also a network that is trained without the far half of its inputs (C8f).",
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
            "Over types of skips, those that make sharper networks make the larger gap",
            ArmCorrelation("lambda_max", "error_gap", NETWORKS),
            "Spearman correlation of the largest Hessian eigenvalue and the error gap over skip types, each "
            "with its mean rank over depths and seeds",
            "the correlation is not positive",
            readings=("matched", "end"),
            arms=TYPES_ENDS,
            threshold=Smallest(
                0.2, "of a rank correlation: an effect that orders three pairs of arms in five"
            ),
        ),
    ),
    protocol="Training and test figures of twins at the same training loss and at the end of training. The "
    "correlation is over thirteen skip types at all depths of the study, with the type as the unit: its "
    "interval is the jackknife's over types, for seeds and depths of a few arms are no new arms.",
    contested="Trainable is not better: learned gates train faster and end with the larger error (ReZero). "
    "Sharpness and gap need not go together (Andriushchenko et al. 2023; Kaur et al. 2022), and a "
    "correlation over arms is no cause.",
    quote="improved generalization capabilities",
    changed="C9d's interval counted five seeds of the same five arms as five independent correlations -> "
    "thirteen arms at all depths, with the arm as the unit.",
)

C11 = Claim(
    "C11",
    "Skip types",
    "The type of the skip connection decides, by what its shortcut lets through",
    (
        Hypothesis(
            "C11a",
            "The further a constant shortcut factor is from 1, the larger is the test error",
            RankCorrelation("shortcut_deviation", "test_error", FACTORS, least=0.5),
            "Spearman correlation of |product of h' - 1| and the test error over eight constant factors from 0 "
            "to 1.25, minus 0.5",
            "the correlation is below 0.5",
            readings=("matched", "end"),
            arms=FACTORS_ENDS,
            threshold=OWN_BAR,
            published=(
                Published(
                    "ResNet-110 on CIFAR-10: test error 6.61 % with the identity; with shortcuts times 0.5 "
                    "training fails",
                    "He et al. 2016b, by a secondary source",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C11b",
            "The further a constant shortcut factor is from 1, the larger is the largest curvature",
            RankCorrelation("shortcut_deviation", "lambda_max", FACTORS, least=0.5),
            "Spearman correlation of |product of h' - 1| and the largest eigenvalue over the same factors, "
            "minus 0.5",
            "the correlation is below 0.5",
            readings=("matched", "init", "end"),
            arms=FACTORS_ENDS,
            threshold=OWN_BAR,
        ),
        Hypothesis(
            "C11c",
            "The further the shortcut's derivative of a skip type is from 1, the larger is the test error",
            RankCorrelation("shortcut_deviation", "test_error", TYPES, least=0.5),
            "the correlation of C11a over eight skip types, four of which have the same derivative of about 0",
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
            "C11d",
            "The further the shortcut's derivative of a skip type is from 1, the larger is the largest "
            "curvature",
            RankCorrelation("shortcut_deviation", "lambda_max", TYPES, least=0.5),
            "the correlation of C11b over the same skip types",
            "the correlation is below 0.5",
            readings=("matched", "init", "end"),
            arms=TYPES_ENDS,
            threshold=OWN_BAR,
        ),
    ),
    protocol="One skip type along one axis, a constant factor c of the shortcut, at equal depth, width and "
    "parameters, ranked within each seed by the product over all blocks of the mean derivative of the "
    "shortcut. Eight skip types are ranked the same way beside it.",
    contested="A factor above 1 makes the stream grow, one below 1 makes it fade: the same distance from 1 "
    "need not do the same. Gates and projections bring parameters of their own. The product says nothing of "
    "the branch, and is the same for a convolution that mixes channels and for no shortcut.",
    quote="how different types of skip connections influence various datasets",
    changed="Four of the eight types had the same derivative product of nearly 0, so that half of the order "
    "was ties -> a constant factor in eight steps without a tie (C11a, C11b); the types stay beside it "
    "(C11c, C11d).",
)

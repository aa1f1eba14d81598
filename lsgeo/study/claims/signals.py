"""Claims about signals and gradients: paths (C10), alignment (C17), confusion (C18)."""

from lsgeo.study.claims.records import ALL_SKIPS, BOTH_SCALES, OWN_BAR, Claim, Hypothesis, Published
from lsgeo.study.contrasts import DepthSlope, Difference, Within
from lsgeo.study.measures import Smallest

C10 = Claim(
    "C10",
    "Paths",
    "Paths of different lengths make a network more robust",
    (
        Hypothesis(
            "C10c",
            "Deleting one block takes a network with skips less of the way to chance",
            Difference("lesion_to_chance"),
            "rise of the test error on deleting one block, median over the blocks, over what is left to chance",
            "the share of the way is as large with skips, or small without them",
            arms=ALL_SKIPS,
            readings=("matched", "end"),
            published=(
                Published(
                    "deleting one layer of a VGG network brings its error to chance; of a ResNet-110's blocks "
                    "those that downsample are the most sensitive",
                    "Veit et al. 2016",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C10e",
            "Deleting one block brings a network without skips nearly all of the way to chance",
            Within("lesion_to_chance", low=0.8, side="without"),
            "the same share of the way to chance, at least 0.8",
            "the share is below 0.8: a plain network survives a lesion",
            arms=(("plain", "residual"), ("identity-biased", "residual")),
            readings=("matched", "end"),
            threshold=OWN_BAR,
            published=(
                Published(
                    "deleting one layer of a VGG network brings its error to chance",
                    "Veit et al. 2016",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C10d",
            "With skip connections the error grows smoothly with the number of deleted blocks",
            Difference("lesion_jump"),
            "largest rise of the test error from one more deletion, mean over random orders",
            "the largest rise is as large with skips",
            arms=ALL_SKIPS,
            readings=("matched", "end"),
        ),
        Hypothesis(
            "C10b",
            "The gradient's energy is spread over the paths by a binomial law of their lengths",
            Within("path_kl", high=0.05),
            "divergence from Binomial(n, p), p the mean length over n, below 0.05",
            "the divergence is above 0.05",
            unit="nats",
            arms=BOTH_SCALES,
            readings=("init",),
            published=(
                Published(
                    "in a ResNet-110 almost all of the gradient comes through paths of 5 to 17 of 54 blocks",
                    "Veit et al. 2016",
                ),
            ),
        ),
    ),
    protocol="Blocks that keep the stream's shape are deleted one at a time, and all of them in random "
    "orders, from twins at the same training loss. A rise is counted as a share of the way from the "
    "network's own test error to that of chance, so that a network which errs more to begin with has as far "
    "to fall; one that is no better than chance has no number. The gradient at initialisation is split by "
    "path length exactly.",
    changed="C10c compared rises of the test error, which end at chance: a plain network with an error of "
    "0.57 can lose 0.33, its twin with skips 0.7 -> the share of the way to chance (C10c), and whether a "
    "plain network gets there (C10e).",
    contested="The paths share their weights, so they are no ensemble; short effective paths come from the "
    "scale of the branches under batch norm (De and Smith 2020), not from learning.",
    quote="By combining paths of different lengths … the network gains a more robust representation",
)

C17 = Claim(
    "C17",
    "Residual alignment",
    "Trained residual blocks push along one line, each with a strength of 1 / depth",
    (
        Hypothesis(
            "C17a",
            "Training makes the largest singular value of a residual branch fall with depth",
            DepthSlope("residual_sigma", high=0.0, since="init"),
            "slope of log sigma_1 of the branches' Jacobians on log depth, less that at initialisation",
            "the slope is what the initial scale made it, or training has made it less steep",
            arms=BOTH_SCALES,
            readings=("end", "matched"),
            threshold=Smallest(
                0.2, "of a slope: two fifths of the way from -1/2 at the start to the law's -1"
            ),
            models=("mlp", "vit"),  # whose depth is the number of blocks
            published=(
                Published("the top singular values scale as 1 / depth", "Li and Papyan 2023", 1),
            ),
        ),
        Hypothesis(
            "C17c",
            "After training it falls as 1 / depth",
            DepthSlope("residual_sigma", low=-1.3, high=-0.7),
            "slope of log sigma_1 of the branches' Jacobians on log depth, inside [-1.3, -0.7]",
            "the slope is outside [-1.3, -0.7]",
            arms=BOTH_SCALES,
            readings=("end",),
            threshold=Smallest(0.05, "of a slope: a twelfth of the band of 0.6"),
            models=("mlp", "vit"),
            published=(
                Published("the top singular values scale as 1 / depth", "Li and Papyan 2023", 1),
            ),
        ),
        Hypothesis(
            "C17b",
            "With skip connections the blocks' top singular vectors align",
            Difference("residual_alignment", larger="with"),
            "cosine of a branch's top left singular vector with the next one's top right one",
            "the cosine is not larger with skips",
            arms=BOTH_SCALES,
            readings=("end", "matched"),
            published=(
                Published(
                    "top singular vectors align in residual networks, and not when the skips go",
                    "Li and Papyan 2023",
                    1,
                ),
            ),
        ),
    ),
    protocol="Jacobians of all branches of trained networks at single examples; without skips a branch is the "
    "whole block. One slope for each seed, over all depths of the study, and what it was at initialisation "
    "taken off. The published law is one of training with weight decay for hundreds of epochs after the "
    "training error is zero; here there is neither, so that a slope which has not moved says that the law is "
    "not testable at this tier, and refutes nothing.",
    contested="Popular essays have no such sentence; the claim guards those about paths and smoothness. A "
    "branch that is scaled by 1 / sqrt(depth) has a slope of -1/2 from the start.",
    changed="C17a's slope of -0.4 was the initial scale of the branches, of which training had changed "
    "nothing -> the change since initialisation decides, the slope itself stands beside it (C17c), and the "
    "law is said not to be testable without weight decay and long training.",
)

C18 = Claim(
    "C18",
    "Gradient confusion",
    "With skip connections examples agree more on where to go",
    (
        Hypothesis(
            "C18a",
            "Skip connections with a norm keep the gradients of examples from opposing each other",
            Difference("gradient_cosine_low", larger="with"),
            "5 % quantile of the cosines between the gradients of single examples",
            "the quantile is not higher with skips",
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
            norms=("batch", "layer"),
            published=(
                Published(
                    "batch norm and skips together lower gradient confusion, as width does; depth raises it",
                    "Sankararaman et al. 2020",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C18b",
            "Skip connections alone, without a norm, do so too",
            Difference("gradient_cosine_low", larger="with"),
            "5 % quantile of the cosines between the gradients of single examples",
            "the quantile is not higher with skips",
            readings=("matched", "init", "end"),
            arms=BOTH_SCALES,
            norms=("none",),
        ),
    ),
    protocol="Gradients of the first 64 training examples, one by one, all pairs; twins at the same training "
    "loss, batch norm under fixed statistics.",
    contested="The published effect is that of batch norm and skips together; here they are also tested "
    "apart. Popular essays have no such sentence; their nearest words are “better informed weight "
    "adjustments”.",
)

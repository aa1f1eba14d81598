"""The claim about connected minima (C14)."""

from lsgeo.study.claims.records import BOTH_SCALES, SAFE_DEPTH, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Difference

# At the end of training the twins' losses differ, and a barrier is laid over the mean of its ends.
_PATHS = {
    "unit": "nats per example",
    "readings": ("matched",),
    "arms": BOTH_SCALES,
    "depth": SAFE_DEPTH,
}

C14 = Claim(
    "C14",
    "Connected minima",
    "Skip connections make the minima that training finds better connected",
    (
        Hypothesis(
            "C14a",
            "A curve between two trained networks rises less with skips",
            Difference("curve_barrier"),
            "highest training loss on a fitted Bezier curve, over the mean of its ends",
            "the curve's barrier is not lower with skips",
            published=(
                Published(
                    "highest test error on a Bezier curve and at its ends: VGG-16 7.75 % (6.79 to 6.94), "
                    "PreResNet-164 4.97 % (4.76), WRN-28-10 3.88 % (3.69) (CIFAR-10)",
                    "Garipov et al. 2018",
                    1,
                ),
                Published(
                    "the saddle on the path lies near the training loss for ResNets and DenseNets, near the "
                    "test loss for shallow CNNs (CIFAR-10 and CIFAR-100)",
                    "Draxler et al. 2018",
                    1,
                ),
            ),
            **_PATHS,
        ),
        Hypothesis(
            "C14b",
            "The straight line between two trained networks rises less with skips",
            Difference("linear_barrier"),
            "highest training loss on the line, over the mean of its ends",
            "the line's barrier is not lower with skips",
            **_PATHS,
        ),
        Hypothesis(
            "C14c",
            "The line rises less with skips also where the units are matched",
            Difference("matched_barrier"),
            "the same, after the units of one network are permuted to match the other's",
            "the line's barrier is not lower with skips once units are matched",
            published=(
                Published(
                    "the barrier of an MLP without skips, of width 512, falls from 1.44 to 0.038 by matching "
                    "(MNIST)",
                    "Ainsworth et al. 2023, from a secondary source",
                ),
                Published(
                    "the accuracy barrier of ResNet-18 falls from 16 to 1.5 % by renormalisation",
                    "Jordan et al. 2023",
                ),
            ),
            **_PATHS,
        ),
    ),
    protocol="Two trainings from different initial weights, at the same training loss; differences in nats, "
    "for a barrier may be zero, at a depth whose networks the learning rate does not hold. What is found on "
    "a path bounds the lowest pass from above.",
    contested="The barrier on the line is mostly the order of the units, and how far matching lowers it "
    "depends on width and optimiser. Popular essays have no such sentence; their nearest words are “wider "
    "basins of attraction”.",
    changed="Barriers at the end of training compared unequal losses, and the deciding depth of 16 stood at "
    "the optimiser's limit -> at the same training loss alone, at a depth of 4, far below the limit.",
)

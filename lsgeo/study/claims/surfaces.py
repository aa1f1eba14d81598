"""Claims about the surfaces that slices show: smoothness (C1) and wide basins (C3)."""

from lsgeo.study.claims.records import BOTH_SCALES, SAFE_DEPTH, Claim, Hypothesis, Published
from lsgeo.study.contrasts import DepthGrowth, Difference, LogRatio

NON_CONVEX = LogRatio("non_convex_fraction", resolution="surface_resolution")
BASIN = LogRatio("basin_area", resolution="surface_resolution", larger="with")

REPLICATION = "a replication of 2026, 40 epochs, 51 by 51 points, 1000 images"

C1 = Claim(
    "C1",
    "Smoothness",
    "Skip connections make the loss landscape smoother",
    (
        Hypothesis(
            "C1a",
            "With skip connections fewer points of random planes curve downwards",
            NON_CONVEX,
            "share of points of filter-normalised random planes with a negative Laplacian",
            "the interval of the ratio without over with skips contains 1",
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            published=(
                Published(
                    "ResNet-56 without skips is “not chaotic”: 2.7 to 4.9 % of the points in the basin are "
                    "not convex (no number for its twin with skips)",
                    REPLICATION,
                ),
                Published(
                    "test errors with and without skips: depth 20 7.37 and 8.18 %, depth 56 5.89 and 13.31 %, "
                    "depth 110 5.79 and 16.44 %; WRN-56 (k = 8) 3.93 and 8.70 % (CIFAR-10)",
                    "Li et al. 2018",
                ),
            ),
        ),
        Hypothesis(
            "C1b",
            "The deeper the networks, the more skip connections smooth random planes",
            DepthGrowth(NON_CONVEX),
            "growth with depth of the ratio of these shares",
            "the ratio does not increase with depth",
            arms=BOTH_SCALES,
            published=(
                Published(
                    "at depth 20 the effect of the skips is “fairly unnoticeable” (ResNets, CIFAR-10)",
                    "Li et al. 2018",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C1c",
            "With depth, negative curvature grows more without skip connections, relative to the largest "
            "curvature",
            DepthGrowth(LogRatio("negative_ratio", resolution="noise_ratio")),
            "growth with depth of the ratio of |lambda_min| / lambda_max",
            "the ratio does not increase with depth",
            readings=("matched", "end"),
            arms=BOTH_SCALES,
            published=(
                Published(
                    "negative eigenvalues of DenseNet-121 are below 1 % of the positive ones over a wide "
                    "region (CIFAR-10)",
                    "Li et al. 2018",
                ),
            ),
        ),
        Hypothesis(
            "C1d",
            "With skip connections the gradient changes more slowly along itself",
            LogRatio("gradient_smoothness"),
            "largest change of the gradient per distance, over steps of 0.003 to 0.03 gradients",
            "the change is not slower with skips",
            unit="nats / parameter²",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C1e",
            "With depth, the region around the network that is better than chance shrinks more without skip "
            "connections",
            DepthGrowth(BASIN),
            "growth with depth of the ratio of the areas below the loss of a uniform guess",
            "the ratio does not increase with depth",
            arms=BOTH_SCALES,
            published=(
                Published(
                    "with skips the contour at a loss of 0.1 is almost as wide at depth 110 as at depth 20 "
                    "(ResNets, CIFAR-10)",
                    "Li et al. 2018",
                    1,
                ),
                Published(
                    "without skips the basin covers 22 % of the plane at depth 20 and 7.1 % at depth 56",
                    REPLICATION,
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C1f",
            "With skip connections random planes are nearer to convex ones",
            Difference("hull_deficit"),
            "height of random planes above their lower convex hull, as a share of that above their lowest "
            "point",
            "the share is not lower with skips",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
    ),
    protocol="Twins trained at one small learning rate and compared at the same training loss, on random "
    "planes with filter-normalised directions, the same for both; biases and scales of norms stay. Shares "
    "end at 0 and 1: where a twin stands at an end, nothing is decided.",
    changed="C1a “depended on protocol” by two conditions in which no point of either twin curved downwards, "
    "in any seed, and C1b was contradicted at a ceiling, by two planes a network -> nothing is decided at a "
    "floor, at a ceiling or by a tie, the hull (C1f) is taken over eight planes, and the depth that decides "
    "is one whose networks the learning rate does not hold.",
    contested="A random plane sees the mean eigenvalue, and a surface that looks convex need not be (Li et "
    "al. 2018). Random planes can misidentify saddles (Böttcher and Wheeler), and with batch norm the usual "
    "plots can be wrong (Gabdullin 2024). Deep plain networks were given a lower learning rate in the "
    "original comparison, and how chaotic they look depends on the length of training, the learning rate and "
    "the grid: a replication (2026) finds ResNet-56 without skips not chaotic.",
    quote="skip connections offer smoother surfaces",
)

C3 = Claim(
    "C3",
    "Wide basins",
    "Skip connections widen the basins of attraction",
    (
        Hypothesis(
            "C3a",
            "With skip connections the loss stays low further along random directions",
            LogRatio("filter_radius", larger="with"),
            "median filter-normalised distance at which the loss has risen by 0.1",
            "the log-ratio is not positive",
            unit="filter norms",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            published=(
                Published(
                    "with skips the contour at a loss of 0.1 is almost as wide at depth 110 as at depth 20 "
                    "(ResNets, CIFAR-10)",
                    "Li et al. 2018",
                ),
            ),
        ),
        Hypothesis(
            "C3b",
            "With skip connections the loss stays moderate further along random directions",
            LogRatio("filter_radius_1", larger="with"),
            "median filter-normalised distance at which the loss has risen by 1",
            "the log-ratio is not positive, as for a rise by 0.1",
            unit="filter norms",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
        Hypothesis(
            "C3c",
            "With skip connections more of a random plane is better than chance",
            BASIN,
            "share of filter-normalised random planes below the loss of a uniform guess",
            "the share is not larger with skips",
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            published=(
                Published(
                    "at depth 20 the basin covers 17 % of the plane with skips and 22 % without (ResNets)",
                    REPLICATION,
                    -1,
                ),
            ),
        ),
        Hypothesis(
            "C3d",
            "Minima are wider with skip connections also in the worst direction, where a rescaling cannot "
            "move the measure",
            LogRatio("adaptive_sharpness"),
            "worst-case adaptive sharpness, the largest eigenvalue of |w| H |w|",
            "the sign is not that of the largest eigenvalue (C4a): the difference in sharpness is then an "
            "artefact of the parametrisation",
            unit="nats",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
            published=(
                Published(
                    "a rescaling that leaves the function alone makes a minimum as sharp as one likes; "
                    "measures that scale with the weights do not move",
                    "Dinh et al. 2017; Kwon et al. 2021",
                ),
            ),
        ),
        Hypothesis(
            "C3e",
            "With skip connections the predictions depend less on a common scale of all weights",
            LogRatio("fisher_rao"),
            "squared Fisher-Rao norm",
            "the norm is not smaller with skips",
            unit="nats",
            readings=("matched", "end"),
            depth=SAFE_DEPTH,
            arms=BOTH_SCALES,
        ),
    ),
    protocol="Twins compared at the same training loss, at a depth whose networks the learning rate does not "
    "hold. Radii are medians over ten random filter-normalised directions, the same for both: what a basin "
    "is like in most directions. The adaptive sharpness is the worst case, the steepest of all directions "
    "relative to the weights. It and the Fisher-Rao norm do not change when layers or units are rescaled, "
    "the filter-normalised radius not when layers are.",
    contested="Branches scaled by 1 / sqrt(depth) make filter-normalised steps smaller on the branch; a "
    "minimum can be made as sharp as one likes by rescaling (Dinh et al. 2017). Random directions say "
    "nothing of the worst one: the two are asked apart.",
    changed="The deciding networks had 16 blocks, whose plain twins stood at the optimiser's limit, so that "
    "widths told the learning rate -> 4, far below it; what random directions show (C3a to C3c) and the "
    "worst one (C3d) are asked apart.",
    quote="wider basins of attraction in the loss surface",
)

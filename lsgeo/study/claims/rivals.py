"""Claims about what rivals a skip: initialisations (C22), other ways to normalise or sum the stream (C23)."""

from lsgeo.study.claims.records import Claim, Hypothesis, Published
from lsgeo.study.contrasts.paired import Difference, LogRatio

NATS = "nats / parameter²"
# What starts well without a skip, against skips that keep the stream's size, as deep networks without a norm
# need it; one start with the skip and without; then the bare skip.
STARTS = (
    *(
        ("tat", "scaled"),
        ("dks", "scaled"),
        ("identity-biased", "scaled"),
        ("orthogonal", "scaled"),
    ),
    *(("orthogonal", "orthogonal-skip"), ("tat", "residual"), ("dks", "residual")),
    *(("identity-biased", "residual"), ("orthogonal", "residual")),
)
PLACES = (
    ("residual", "scaled-norm"),
    ("residual", "attention-residuals"),
    ("residual", "post-norm"),
)

C22 = Claim(
    "C22",
    "Skip or start",
    "What skip connections do for the landscape, no initialisation does in their place",
    (
        Hypothesis(
            "C22a",
            "At the same training loss the largest curvature is lower with skips than with a start in their "
            "place",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue, against plain networks that start well",
            "the log-ratio is not positive against one of the starts: the credit is then the initialisation's",
            unit=NATS,
            readings=("matched", "end"),
            arms=STARTS,
            published=(
                Published(
                    "skipless vision transformers whose initialisation conditions the blocks' Jacobians train "
                    "as well as those with skips",
                    "Ji et al. 2025, Cutting the skip",
                    -1,
                ),
            ),
        ),
        Hypothesis(
            "C22b",
            "The loss stays low further along random directions with skips than with a start in their place",
            LogRatio("filter_radius", larger="with"),
            "median filter-normalised distance at which the loss has risen by 0.1",
            "the log-ratio is not positive against one of the starts",
            unit="filter norms",
            readings=("matched", "end"),
            arms=STARTS,
        ),
        Hypothesis(
            "C22c",
            "Training is faster with skips than with a start in their place",
            LogRatio("steps"),
            "steps to the matched training loss, each arm at its own best learning rate",
            "there is no speed-up over one of the starts",
            unit="steps",
            readings=("",),
            arms=STARTS,
            published=(
                Published(
                    "deep networks without skips and norm train as fast as ResNets (ImageNet, second-order "
                    "optimisers; slower with gradient descent)",
                    "Martens et al. 2021",
                    -1,
                ),
            ),
        ),
        Hypothesis(
            "C22d",
            "At the same training loss the test error is lower with skips than with a start in their place",
            Difference("test_error"),
            "test error",
            "the error is not lower with skips by a percentage point",
            readings=("matched", "end"),
            arms=STARTS,
            published=(
                Published(
                    "deep networks of tailored leaky ReLUs, without skips and norm, are nearly as accurate as "
                    "ResNets (ImageNet)",
                    "Zhang et al. 2022",
                    -1,
                ),
            ),
        ),
    ),
    protocol="As for C3, C4, C6 and C9, with plain networks that start orthogonal, near the identity, or with "
    "an activation shaped for their depth in place of the plain twin; without norm, for which those are made.",
    contested="A shaped activation is another network: another function at the same weights. Up to 12 "
    "nonlinear "
    "layers TAT is an orthogonal start with ReLUs. The theories are of wide networks.",
)

C23 = Claim(
    "C23",
    "Norms and sums",
    "Where the norm stands, and how layers are added up, tames the stream of a transformer as skips alone "
    "do not",
    (
        Hypothesis(
            "C23a",
            "What layers read grows less over depth with a scaled norm, attention residuals or a norm behind",
            Difference("stream_growth"),
            "log of the size of what the last layer reads over that of the first, against norms before layers",
            "the growth is no smaller",
            unit="nats",
            readings=("matched", "init"),
            arms=PLACES,
            models=("vit",),
            published=(
                Published(
                    "with norms before layers the stream grows like the number of layers, with attention "
                    "residuals it stays bounded (language models, 48B parameters)",
                    "Kimi Team 2026",
                    1,
                ),
                Published(
                    "norms divided by the square root of the layer's number keep the variance from growing "
                    "with depth (language models, up to 7B parameters)",
                    "Sun et al. 2025",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C23b",
            "Attention residuals and scaled norms hand layers gradients of more equal size",
            Difference("branch_unevenness"),
            "|log| of the gradient at the first layer's output over that at the last's, against norms "
            "before layers",
            "the gradients are no more equal",
            unit="nats",
            readings=("matched", "init"),
            arms=PLACES[:2],
            models=("vit",),
            published=(
                Published(
                    "gradients are more uniform over depth with attention residuals",
                    "Kimi Team 2026",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C23c",
            "At the start a norm behind the sum hands layers gradients of less equal size than one before",
            Difference("branch_unevenness"),
            "|log| of the gradient at the first layer's output over that at the last's, behind against before",
            "the gradients are no less equal",
            unit="nats",
            readings=("init",),
            arms=(("post-norm", "residual"),),
            models=("vit",),
            published=(
                Published(
                    "with norms behind the sum the gradients near the output are large at first, so that "
                    "training needs a warm-up; with norms before the layers it does not",
                    "Xiong et al. 2020",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C23d",
            "A scaled norm, attention residuals or a norm behind lower the largest curvature",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue, against norms before layers",
            "the log-ratio is not positive",
            unit=NATS,
            readings=("matched", "init", "end"),
            arms=PLACES,
            models=("vit",),
        ),
    ),
    protocol="Transformers with the same skips, layers and weights, norms before the layers, before and "
    "divided by "
    "the root of the block's number, or behind the sum; and attention over all earlier layers in place of it.",
    contested="A network of a few blocks has little depth to tame. Size of the stream is no harm by itself: a "
    "norm takes it out again. Attention residuals have a query for each layer more.",
)

"""The claim about the gradient on its way back (C5)."""

import math

from lsgeo.study.claims.records import ALL_SKIPS, OWN_BAR, RESIDUAL, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Difference, LogRatio, Within
from lsgeo.study.measures import Smallest

READINGS = ("init", "matched")
HALF = Smallest(math.log(2), "a gradient that is not even halved on its way has not vanished")
STREAM = "log of the gradient's norm in the stream above the first block over that above the last"

C5 = Claim(
    "C5",
    "Gradient flow",
    "Skip connections keep gradients from vanishing",
    (
        Hypothesis(
            "C5a",
            "Without skip connections and without a norm the gradient vanishes on its way back",
            Within("stream_log_ratio", high=0.0, side="without"),
            f"{STREAM}, below 0",
            "in networks without skips and norms the first stream's gradient is at least half the last one's",
            unit="nats",
            readings=READINGS,
            arms=RESIDUAL,
            threshold=HALF,
            norms=("none",),
            published=(
                Published(
                    "in plain ReLU networks of width n and depth L the mean of this logarithm is "
                    "-(5/4) (L - 1) / n at initialisation: depth over width decides",
                    "Hanin and Nica 2018",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C5b",
            "Without skip connections gradients shatter: those of different inputs have nothing in common",
            Difference("input_gradient_correlation", larger="with"),
            "mean cosine between the gradients of a logit at two inputs",
            "the correlation is not larger with skips",
            readings=READINGS,
            arms=ALL_SKIPS,
            published=(
                Published(
                    "the correlation decays exponentially with depth without skips and sublinearly with them",
                    "Balduzzi et al. 2017",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C5c",
            "Skip connections condition the input-output Jacobian better",
            LogRatio("jacobian_moment_ratio"),
            "moment ratio m2 / m1² of the Jacobian's squared singular values, 1 where they are equal",
            "the ratio is not lower with skips",
            readings=READINGS,
            arms=ALL_SKIPS,
        ),
        Hypothesis(
            "C5d",
            "Skip connections keep the gradient's size even between the first block and the last",
            Difference("stream_unevenness"),
            "|log| of the gradient's norm in the stream above the first block over that above the last",
            "the norms of first and last block are no closer with skips",
            unit="nats",
            readings=READINGS,
            arms=ALL_SKIPS,
        ),
        Hypothesis(
            "C5e",
            "With a norm, too, the gradient vanishes without skip connections",
            Within("stream_log_ratio", high=0.0, side="without"),
            f"{STREAM}, below 0",
            "with a norm the first stream's gradient is at least half the last one's",
            unit="nats",
            readings=READINGS,
            arms=RESIDUAL,
            threshold=HALF,
            norms=("layer", "batch"),
            published=(
                Published(
                    "in plain networks with batch norm gradients have healthy norms: their difficulty is "
                    "“unlikely to be caused by vanishing gradients”",
                    "He et al. 2016, section 4.1",
                    -1,
                ),
            ),
        ),
        Hypothesis(
            "C5f",
            "In plain ReLU networks the gradient shrinks as depth over width says, without a free parameter",
            Within("stream_law_misfit", low=-0.25, high=0.25, side="without"),
            "mean of that logarithm over 256 initialisations, minus -(5/4) (L - 1) / n; within 0.25",
            "the mean is further than 0.25 nats from the law",
            unit="nats",
            readings=("init",),
            arms=RESIDUAL,
            threshold=OWN_BAR,
            models=("mlp",),
            norms=("none",),
            published=(Published("the law itself", "Hanin and Nica 2018", 1),),
        ),
        Hypothesis(
            "C5g",
            "With skip connections it grows as their scale says, without a free parameter",
            Within("stream_law_misfit", low=-0.25, high=0.25),
            "the same mean, minus that of the law with a shortcut; within 0.25",
            "the mean is further than 0.25 nats from the law",
            unit="nats",
            readings=("init",),
            arms=(("plain", "scaled"), ("plain", "residual")),
            threshold=OWN_BAR,
            models=("mlp",),
            norms=("none",),
        ),
        Hypothesis(
            "C5h",
            "The gradients of the kernels cannot show it: all blocks do the same work on the loss",
            Within("kernel_work_spread", high=1e-3, side="without"),
            "spread of <W, dL/dW> over the blocks' kernels, relative to the largest; below 0.001",
            "the spread is above 0.001: the loss is not homogeneous in each kernel alike",
            readings=("init",),
            arms=RESIDUAL,
            threshold=OWN_BAR,
            models=("mlp",),
            norms=("none",),
        ),
        Hypothesis(
            "C5i",
            "Weights near the identity keep the gradient from vanishing as well, without any skip",
            Within("stream_log_ratio", low=-HALF.value, side="without"),
            f"{STREAM}, above -log 2",
            "from weights near the identity the first stream's gradient is less than half the last one's",
            unit="nats",
            readings=READINGS,
            arms=(("identity-biased", "residual"),),
            threshold=OWN_BAR,
            norms=("none",),
        ),
    ),
    protocol="The gradient of the loss with respect to the stream, the activations between blocks: its norm "
    "above the first block over that above the last, example by example, mean of the logarithms; at "
    "initialisation and at the same training loss, without a norm and with one. Directions and Jacobians are "
    "judged apart. The law of C5f is that of He-initialised ReLU networks and has nothing to fit; with a "
    "shortcut it is counted to first order in 1 / width.",
    contested="With batch norm He et al. (2016, section 4.1) find healthy norms without skips, and there the "
    "gradient grows rather than vanishes; gradients also explode (Philipp et al. 2017), and an unscaled skip "
    "without a norm lets them. How much is lost is a matter of depth over width: wide networks lose little.",
    quote="the gradients can become increasingly small as they propagate backward",
    changed="C5a read the gradients of the kernels, which Euler's identity pins to one size in networks "
    "without a norm: “no vanishing gradients were found” was blindness of the instrument -> the gradient of "
    "the stream, apart for networks without a norm (C5a) and with one (C5e), with a law without free "
    "parameters as falsifier (C5f), and the kernels' blindness itself as a statement that is tested (C5h). "
    "The bar was a tenth at any depth -> a half, so that what counts as vanishing is no matter of the depth "
    "that was picked. C5d compared kernels -> compares streams.",
)

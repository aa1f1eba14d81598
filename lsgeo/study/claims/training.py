"""Claims about training: speed (C6), escape (C7), learned skips (C12)."""

from lsgeo.study.claims.records import BOTH_SCALES, OWN_BAR, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Difference, LogRatio, Within

BIASED = (("identity-biased", "residual"), ("identity-biased", "scaled"))
LEARNED = tuple(("scaled", arm) for arm in ("learnable", "layerscale", "highway", "hyper", "mhc"))

C6 = Claim(
    "C6",
    "Faster convergence",
    "Skip connections make training faster",
    (
        Hypothesis(
            "C6a",
            "Training reaches the matched loss in fewer steps with skips",
            LogRatio("steps"),
            "steps to the matched training loss, each arm at its own best learning rate",
            "the log-ratio is not positive",
            unit="steps",
            readings=("",),
            arms=BOTH_SCALES,
            published=(
                Published(
                    "ResNet-18 converges faster than plain-18 and is as accurate, top-1 error 27.88 and "
                    "27.94 %; of ResNet-34 and plain-34 it is 25.03 and 28.54 % (ImageNet)",
                    "He et al. 2016",
                    1,
                ),
                Published(
                    "Inception networks train faster with residual connections, and end little better",
                    "Szegedy et al. 2017",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C6b",
            "Skip connections are faster than the initialisation that they amount to",
            LogRatio("steps"),
            "steps to the matched training loss, against networks without skips that start near the identity",
            "the speed-up vanishes against identity-biased weights: the credit is the initialisation's",
            unit="steps",
            readings=("",),
            arms=BIASED,
        ),
        Hypothesis(
            "C6c",
            "Networks with skips bear larger learning rates",
            LogRatio("stable_rate", larger="with"),
            "largest learning rate with which gradient descent trains",
            "the rate is not larger with skips",
            unit="parameter² / nat",
            readings=("init",),
            arms=BOTH_SCALES,
            models=("mlp",),
        ),
    ),
    protocol="Steps to one training loss at each arm's best rate of a logarithmic grid, where a network that "
    "does not get there counts with all its steps; the largest stable rate by bisection.",
    contested="Networks without skips can be trained, too: with DKS and TAT at the speed of ResNets, best with "
    "second-order optimisers and with some gap.",
    quote="the acceleration of convergence rates during optimization",
)

_TABLE = Published(
    "training stays at a loss of 1.5699 from the linear minimum of lemma 1 and goes to 0.0061 from the usual "
    "initialisation (MLP, CIFAR-10): bad minima exist, and ordinary training rarely meets them",
    "Goldblum et al. 2020, table 1",
)
_BUILT = {"readings": ("init",), "arms": BOTH_SCALES, "models": ("mlp",), "norms": ("none",)}

C7 = Claim(
    "C7",
    "Escape",
    "Skip connections help training to escape from local minima",
    (
        Hypothesis(
            "C7a",
            "SGD leaves a bad local minimum more often with skips",
            Difference("escape_rate", larger="with"),
            "share of tries that leave a linear classifier's minimum, built into the network",
            "the intervals of the rates overlap",
            published=(_TABLE,),
            **_BUILT,
        ),
        Hypothesis(
            "C7b",
            "SGD with momentum leaves a bad local minimum more often with skips",
            Difference("escape_rate_momentum", larger="with"),
            "the same share, with momentum 0.9",
            "the intervals of the rates overlap",
            **_BUILT,
        ),
        Hypothesis(
            "C7c",
            "SGD leaves a bad local minimum sooner with skips",
            LogRatio("escape_steps"),
            "median steps to leave it",
            "the log-ratio is not positive",
            unit="steps",
            **_BUILT,
        ),
        Hypothesis(
            "C7d",
            "SGD leaves a plateau behind a dead layer more often with skips",
            Difference("escape_rate_plateau", larger="with"),
            "share of tries that leave a layer of dead ReLUs, built into the network",
            "the intervals of the rates overlap",
            **_BUILT,
        ),
    ),
    protocol="The point is built into both twins, as one function at one loss; mini-batches of 16 at 0.9 of "
    "each network's own largest stable rate there; out below 0.9 of the loss.",
    contested="From the minimum, twins with and without an unscaled skip train alike, step for step, until a "
    "ReLU turns off; gradient descent on all examples never leaves it. Through a dead layer a network without "
    "skips gets no gradient: it stays there by construction, and C7d asks no more than whether one with skips "
    "gets out.",
    quote="diminish the chances of the optimizer getting trapped in local minima",
)

C12 = Claim(
    "C12",
    "Learned skips",
    "Skip connections that are learned improve on fixed ones",
    (
        Hypothesis(
            "C12a",
            "Learned skips lower the largest curvature",
            LogRatio("lambda_max"),
            "largest Hessian eigenvalue, against the fixed scale 1 / sqrt(depth)",
            "it is not lower than with the fixed scale",
            unit="nats / parameter²",
            readings=("matched", "end"),
            arms=LEARNED,
        ),
        Hypothesis(
            "C12b",
            "Learned skips make training faster",
            LogRatio("steps"),
            "steps to the matched training loss, against the fixed scale 1 / sqrt(depth)",
            "there is no speed-up over the fixed scale",
            unit="steps",
            readings=("",),
            arms=LEARNED,
            published=(
                Published(
                    "ReZero is 56 % faster in a 12-layer transformer (enwik8), 32 % in ResNet-56 and 15 "
                    "times as fast in deep fully connected networks",
                    "Bachlechner et al. 2021",
                    1,
                ),
                Published(
                    "OLMoE-1B-7B converges about 1.8 times as fast with dynamic hyper-connections of 4 streams",
                    "Zhu et al. 2025",
                    1,
                ),
            ),
        ),
        Hypothesis(
            "C12c",
            "Doubly stochastic mixtures of streams do not grow over depth",
            Within("stream_gain", high=1.1),
            "largest absolute row or column sum of the product of all blocks' mixtures",
            "a sum is above 1.1",
            readings=("end", "matched", "init"),
            arms=(("scaled", "mhc"),),
            threshold=OWN_BAR,
            published=(
                Published(
                    "with doubly stochastic mixtures the composite gain is about 1.6 in a language model of "
                    "27B parameters",
                    "Xie et al. 2025",
                    -1,
                ),
            ),
        ),
        Hypothesis(
            "C12d",
            "Over depth, free mixtures of streams grow more than doubly stochastic ones",
            LogRatio("stream_gain"),
            "largest absolute row or column sum, of hyper-connections against doubly stochastic ones",
            "the sum of the free mixtures is not larger",
            readings=("end", "matched"),
            arms=(("hyper", "mhc"),),
            published=(
                Published(
                    "the composite gain falls from about 3000 to about 1.6 in a language model of 27B "
                    "parameters",
                    "Xie et al. 2025",
                    1,
                ),
            ),
        ),
    ),
    protocol="As for C4 and C6, with learned skips against the skip that is scaled by 1 / sqrt(depth) in place "
    "of no skip.",
    contested="ResNet-56 has a higher error with ReZero, 6.58 against 6.27 %; DiracNet-34, without explicit "
    "skips, 27.79 against 27.17 % for ResNet-34. A product of doubly stochastic matrices is one too: C12c "
    "tests how far Sinkhorn's iterations have converged.",
    quote="adaptive skip connections or learnable connections, could push the boundaries",
)

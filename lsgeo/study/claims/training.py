"""Claims about training: speed (C6), escape (C7), learned skips (C12)."""

from lsgeo.study.claims.records import BOTH_SCALES, OWN_BAR, Claim, Hypothesis, Published
from lsgeo.study.contrasts import Difference, LogRatio, Within

BIASED = (("identity-biased", "residual"), ("identity-biased", "scaled"))
# Every learned gate of the study against the fixed scale.
_GATES = ("learnable", "layerscale", "highway", "exclusive-gate", "shortcut-gate", "hyper", "mhc")
LEARNED = tuple(("scaled", arm) for arm in _GATES)

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
# Without the scale the twins of a built minimum train alike by construction, until a ReLU turns off.
_BUILT = {
    "readings": ("init",),
    "arms": (("plain", "scaled"), ("plain", "residual")),
    "models": ("mlp",),
    "norms": ("none",),
}
_STALLS = {"readings": ("init",), "arms": BOTH_SCALES, "models": ("mlp",)}

C7 = Claim(
    "C7",
    "Escape",
    "Skip connections keep training from being caught in bad minima and on plateaus",
    (
        Hypothesis(
            "C7e",
            "Ordinary training ends in a bad minimum or on a plateau less often with skips",
            Difference("stall_share"),
            "share of trainings from fresh weights, at each arm's own best rate, that stop where they are no "
            "better than a linear classifier",
            "as many trainings stall with skips",
            published=(_TABLE,),
            **_STALLS,
        ),
        Hypothesis(
            "C7f",
            "Ordinary training ends on a plateau less often with skips",
            Difference("stall_plateau_share"),
            "share of them that stop within 5 % of the best constant prediction's loss",
            "as many trainings end on a plateau with skips",
            **_STALLS,
        ),
        Hypothesis(
            "C7g",
            "Ordinary training ends in a bad minimum less often with skips",
            Difference("stall_minimum_share"),
            "share of them that stop below that plateau, no better than a linear classifier",
            "as many trainings end in a bad minimum with skips",
            **_STALLS,
        ),
        Hypothesis(
            "C7a",
            "SGD leaves a bad local minimum that was built more often with scaled skips",
            Difference("escape_rate", larger="with"),
            "share of tries that leave a linear classifier's minimum, built into the network",
            "the intervals of the rates overlap",
            published=(_TABLE,),
            **_BUILT,
        ),
        Hypothesis(
            "C7b",
            "SGD with momentum leaves a bad local minimum that was built more often with scaled skips",
            Difference("escape_rate_momentum", larger="with"),
            "the same share, with momentum 0.9",
            "the intervals of the rates overlap",
            **_BUILT,
        ),
        Hypothesis(
            "C7c",
            "SGD leaves a bad local minimum that was built sooner with scaled skips",
            LogRatio("escape_steps"),
            "median steps to leave it",
            "the log-ratio is not positive",
            unit="steps",
            **_BUILT,
        ),
    ),
    protocol="Eight ordinary trainings from fresh initial weights, SGD with momentum and mini-batches of 16, "
    "at each arm's own best rate of a grid, on labels that no linear classifier tells apart: stalled is what "
    "ends above 0.9 of the best linear classifier's loss and no longer falls. Beside them, minima that are "
    "built into both twins, as one function at one loss; mini-batches of 16 at 0.9 of each network's own "
    "largest stable rate there; out below 0.9 of the loss.",
    contested="Bad minima exist in both kinds of networks, and ordinary training rarely meets them (Goldblum "
    "et al. 2020). From the built minimum, twins with and without an unscaled skip train alike, step for "
    "step, until a ReLU turns off, so that the scaled skip is asked first; gradient descent on all examples "
    "never leaves it. Through a layer of dead ReLUs a network without skips gets no gradient and stays for "
    "ever, with skips it gets out: that holds by construction, is measured, and counts for nothing here.",
    quote="diminish the chances of the optimizer getting trapped in local minima",
    changed="C7a asked of the bare skip, whose twin trains alike by construction, and C7d, the dead layer, "
    "could not have come out otherwise -> the real question first, whether ordinary training stalls less "
    "often (C7e to C7g); built minima against scaled skips; the dead layer is a remark.",
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
            "no gate lowers it by what buys a quarter in the learning rate",
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
            "Doubly stochastic mixtures keep the streams apart over depth",
            Within("stream_contrast", low=0.5),
            "second singular value of the product of all blocks' mixtures: 1 keeps all streams, 0 their mean",
            "the value is below one half: the streams have become one",
            readings=("end", "matched", "init"),
            arms=(("scaled", "mhc"),),
            threshold=OWN_BAR,
            published=(
                Published(
                    "with doubly stochastic mixtures the composite gain is about 1.6 in a language model of "
                    "27B parameters",
                    "Xie et al. 2025",
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
    protocol="As for C4 and C6, with each learned gate against the skip that is scaled by 1 / sqrt(depth) in "
    "place of no skip. A gate counts where what it does to the largest curvature buys a quarter in the "
    "learning rate.",
    contested="ResNet-56 has a higher error with ReZero, 6.58 against 6.27 %; DiracNet-34, without explicit "
    "skips, 27.79 against 27.17 % for ResNet-34. Gates bring parameters of their own. A product of doubly "
    "stochastic matrices is one too: that its row and column sums are 1 holds by construction and is no "
    "finding; C12d asks of the free mixtures alone.",
    quote="adaptive skip connections or learnable connections, could push the boundaries",
    changed="The best learned gate, the exclusive one, was filed under C11, and “no better” was said of an "
    "undecided test -> all learned gates, with the step size that they buy as bar. C12c held by "
    "construction, as a product of doubly stochastic matrices is one -> whether the streams stay apart, "
    "which can fail.",
)

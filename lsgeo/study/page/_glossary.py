"""The words of a page, for a reader who has not met them."""

GLOSSARY = (
    (
        "Skip connection",
        "A shortcut that adds a layer's input to its output. Twins have the same layers, initial "
        "weights and order of the data, with and without it.",
    ),
    (
        "Arm",
        "One side of a comparison: plain (without skips), residual (with them), scaled (branches "
        "divided by the root of the depth), identity-biased (no skip, but weights that start near the "
        "identity) or learnable (a gate on each branch that starts at 0).",
    ),
    (
        "Effect and interval",
        "What twins differ in, averaged over seeds and turned so that the hypothesis predicts a "
        "positive one. A factor (×) compares a quantity without and with skips, ×1 is no difference; a "
        "signed number is a difference, 0 is none. The interval holds the true mean in about 95 of 100 "
        "repetitions.",
    ),
    (
        "Threshold",
        "The smallest effect that counts, fixed before the run.",
    ),
    (
        "Verdict",
        "Supported: the whole interval of the primary condition lies beyond the threshold on the side "
        "that the hypothesis predicts, and the probability, corrected for the number of tests (Holm), is "
        "small enough. Contradicted: it lies beyond it on the other side, or within it on both sides. "
        "Depends on protocol: some conditions support the hypothesis and others deny it. Bound: there is a "
        "number, but the learning rate holds it. No room: the metric stands at its floor, its ceiling or a "
        "tie, where nothing can be seen. Undecided: none of these, at this number of seeds.",
    ),
    (
        "Law",
        "What a whole curve says, such as sharpness over depth, where a verdict is about one pair of "
        "networks at a time. It holds, holds within limits (where it stops is said below it), fails, or is "
        "not measured.",
    ),
    (
        "Optimiser's limit",
        "The curvature above which the optimiser is thrown out, 2 / rate for gradient descent. Networks drift "
        "up to it, and then the curvature is that of the learning rate: from 30 % of the limit on it is a "
        "bound.",
    ),
    (
        "Condition",
        "A family of networks, a normalisation, a depth, a moment of reading and two arms. The primary "
        "one was named before the run and decides; the others show how far that reaches.",
    ),
    (
        "Matched loss",
        "Networks are compared when they have reached the same training loss. Curvature falls as "
        "the loss falls, so that a comparison after equal time would mostly compare speed.",
    ),
    (
        "Loss and nats",
        "The average surprise of the network at the right answers, in natural-log units. Guessing "
        "evenly among C classes costs ln C nats.",
    ),
    (
        "Hessian and eigenvalues",
        "The Hessian collects the second derivatives of the loss by the weights. Its eigenvalues "
        "are the curvatures along independent directions: large is a steep valley wall, zero is "
        "flat, negative is a way down.",
    ),
    (
        "Eigenvalue density",
        "How the curvatures of all directions are spread: the height at a value is the share of "
        "directions that have about this curvature.",
    ),
    (
        "λmax and trace",
        "The largest eigenvalue is the curvature of the steepest direction, called sharpness; the trace, the "
        "sum of all of them, is the total curvature.",
    ),
    (
        "Negative mass",
        "The negative eigenvalues' share of all curvature, Σ|λ<0| / Σ|λ|: 0 in a bowl, ½ where up "
        "and down balance, as at a saddle.",
    ),
    (
        "Filter-normalised surface",
        "The loss on a plane through the trained weights. Its two random directions are scaled so "
        "that a distance of 1 moves each filter by its own length, as the size of weights alone "
        "says nothing about the function.",
    ),
)

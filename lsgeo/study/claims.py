"""The claims, as data: what is said, what is measured, and where the literature disagrees.

Every metric is oriented so that the claim predicts a larger value without skips than with them: the
effect, log(no skip / skip), is then positive where the claim holds.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
      name: identifier; the number is that of the claim in the list of the docs.
      statement: the claim in one line.
      metric: column of the results that decides.
      metric_name: what that column is, in words.
      unit: unit of the metric.
      checkpoint: where it is measured: "matched" training loss, or "" for a figure of the whole run.
      resolution: how far the instrument leaves the metric open: name of the column that holds it, or ""
        where the metric cannot be zero. Both twins get the larger of theirs added before the logarithm, so
        that a difference within it is no effect.
      contested: what the literature says against it.
    """

    name: str
    statement: str
    metric: str
    metric_name: str
    unit: str = ""
    checkpoint: str = "matched"
    resolution: str = ""
    contested: str = ""


CLAIMS = (
    Claim(
        "C1",
        "Skip connections make the loss surface smoother",
        "non_convex_fraction",
        "share of random planes that curves downwards",
        resolution="surface_resolution",
        contested="A random plane sees the mean eigenvalue, not the extremes; the picture depends on "
        "training length, learning rate and grid.",
    ),
    Claim(
        "C2a",
        "Skip connections remove flat, degenerate directions around saddles",
        "zero_fraction",
        "share of near-zero Hessian eigenvalues, within 1 % of the largest",
        resolution="zero_fraction_open",
        contested="Depends on normalisation and on how the threshold scales.",
    ),
    Claim(
        "C2b",
        "Skip connections leave fewer directions of negative curvature",
        "negative_fraction",
        "share of negative Hessian eigenvalues, beyond 1 % of the largest",
        resolution="negative_fraction_open",
        contested="Even the identity point of a deep linear residual network is indefinite.",
    ),
    Claim(
        "C2c",
        "Skip connections make the remaining negative curvature relatively weak",
        "negative_ratio",
        "|lambda_min| / lambda_max",
        resolution="noise_ratio",
        contested="With residual blocks lambda_max falls too, which moves the ratio the other way.",
    ),
    Claim(
        "C3/C4",
        "Skip connections lead to wide basins, not sharp minima",
        "lambda_max",
        "largest Hessian eigenvalue",
        unit="nats / parameter²",
        contested="Sharpness is not invariant under reparametrisation (Dinh et al. 2017) and does not "
        "cause generalisation (Andriushchenko et al. 2023).",
    ),
    Claim(
        "C3/C4 trace",
        "Skip connections lower the average curvature",
        "trace",
        "trace of the Hessian",
        unit="nats / parameter²",
        contested="As for the largest eigenvalue.",
    ),
    Claim(
        "C6",
        "Skip connections speed up training",
        "steps",
        "steps to the matched loss, each arm at its own best learning rate",
        unit="updates",
        checkpoint="",
        contested="An identity-biased initialisation without skips may do the same.",
    ),
)

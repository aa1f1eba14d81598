"""From measurements to verdicts."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsgeo.study.claims import Claim
from lsgeo.study.statistics import PairedEffect, paired_effect

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim, one family of networks, and what the measurements say."""

    claim: Claim
    family: str
    depth: int
    effect: PairedEffect
    threshold: float
    decision: str  # "supported", "contradicted" or "undecided"
    num_missing: int
    num_bounds: int

    @property
    def note(self) -> str:
        """Agreement between the seeds, and the pairs that are missing or only bounded."""
        parts = [
            f"{self.effect.num_positive} of {self.effect.num_pairs} seeds larger without skips"
        ]
        if -self.threshold < self.effect.lower and self.effect.upper < self.threshold:
            parts.append("any effect is smaller than the threshold")
        if self.num_missing:
            parts.append(f"{self.num_missing} pairs not measured: a network never reached the loss")
        if self.num_bounds:
            parts.append(
                f"{self.num_bounds} networks never reached the loss and count with the last step, "
                "so the effect is a bound"
            )
        return "; ".join(parts)


def decide(
    claim: Claim,
    rows: Sequence[Row],
    *,
    family: str,
    depth: int,
    threshold: float,
    confidence: float = 0.95,
) -> Verdict:
    """Decides one claim from paired rows.

    A claim is supported where the whole interval lies above `threshold`, contradicted where it lies below
    -`threshold`, undecided otherwise. The threshold is fixed before the run.

    Args:
      claim: Claim.
      rows: one mapping per network and checkpoint, with family, depth, skip ("none" or another), seed,
        checkpoint and the metrics; "censored" is true where a figure is only a bound.
      family: which networks.
      depth: at which depth.
      threshold: smallest log-ratio that counts.
      confidence: coverage of the interval.

    Returns:
      Verdict.
    """
    chosen = [
        row
        for row in rows
        if (row["family"], row["depth"], row["checkpoint"]) == (family, depth, claim.checkpoint)
    ]
    arms = {
        plain: {row["seed"]: row for row in chosen if (row["skip"] == "none") == plain}
        for plain in (True, False)
    }
    seeds = sorted(arms[True].keys() | arms[False].keys())
    plain, skip = (
        [_metric(arms[side].get(seed), claim.metric) for seed in seeds] for side in (True, False)
    )
    # Where both twins are only bounded by the last step, their ratio says nothing.
    both = [
        all(bool((arms[side].get(seed) or {}).get("censored")) for side in (True, False))
        for seed in seeds
    ]
    plain = [math.nan if unknown else value for value, unknown in zip(plain, both, strict=True)]
    floor = [
        np.nanmax(
            [_metric(arms[side].get(seed), claim.resolution) for side in (True, False)] + [0.0]
        )
        for seed in seeds
    ]
    effect = paired_effect(plain, skip, floor=floor, confidence=confidence)
    missing = sum(math.isnan(a) or math.isnan(b) for a, b in zip(plain, skip, strict=True))
    bounds = sum(bool(row.get("censored")) for row in chosen)
    decision = "undecided"
    if effect.lower > threshold:
        decision = "supported"
    elif effect.upper < -threshold:
        decision = "contradicted"
    return Verdict(claim, family, depth, effect, threshold, decision, missing, bounds)


def _metric(row, name):
    if row is None or not name:
        return math.nan
    return float(row.get(name, math.nan))

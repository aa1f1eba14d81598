"""From measurements to verdicts."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsgeo.study.claims import Claim
from lsgeo.study.statistics import PairedEffect, paired_effect
from lsgeo.study.twins import ARMS

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
    arms: tuple[str, str] = ("plain", "residual")

    @property
    def note(self) -> str:
        """Agreement between the seeds, and the pairs that are missing or only bounded."""
        count = f"{self.effect.num_positive} of {self.effect.num_pairs} seeds larger"
        plain, other = (ARMS[arm] for arm in self.arms)
        against = "" if other.name == "residual" else f" than {other.phrase}"
        parts = [f"{count} {plain.phrase}{against}"]
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
    arms: tuple[str, str] = ("plain", "residual"),
) -> Verdict:
    """Decides one claim from paired rows.

    A claim is supported where the whole interval lies above `threshold`, contradicted where it lies below
    -`threshold`, undecided otherwise. The threshold is fixed before the run.

    Args:
      claim: Claim.
      rows: one mapping per network and checkpoint, with family, depth, arm, seed, checkpoint and the
        metrics; "censored" is true where a figure is only a bound. Other arms' rows are left out.
      family: which networks.
      depth: at which depth.
      threshold: smallest log-ratio that counts.
      confidence: coverage of the interval.
      arms: the arm without skips and the one that it is compared with.

    Returns:
      Verdict.
    """
    chosen = [
        row
        for row in rows
        if (row["family"], row["depth"], row["checkpoint"]) == (family, depth, claim.checkpoint)
        and row["arm"] in arms
    ]
    sides = [{row["seed"]: row for row in chosen if row["arm"] == arm} for arm in arms]
    seeds = sorted(sides[0].keys() | sides[1].keys())
    plain, skip = ([_metric(side.get(seed), claim.metric) for seed in seeds] for side in sides)
    # Where both twins are only bounded by the last step, their ratio says nothing.
    both = [all(bool((side.get(seed) or {}).get("censored")) for side in sides) for seed in seeds]
    plain = [math.nan if unknown else value for value, unknown in zip(plain, both, strict=True)]
    floor = [
        np.nanmax([_metric(side.get(seed), claim.resolution) for side in sides] + [0.0])
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
    return Verdict(claim, family, depth, effect, threshold, decision, missing, bounds, arms)


def _metric(row, name):
    if row is None or not name:
        return math.nan
    return float(row.get(name, math.nan))

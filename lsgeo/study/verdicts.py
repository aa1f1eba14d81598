"""From rows to findings, and from findings to verdicts.

A finding is one hypothesis under one condition. A verdict is what the findings of a hypothesis say together:
the primary one decides, and where another one decides otherwise the answer depends on the protocol.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lsgeo.study import statistics
from lsgeo.study.claims.records import Claim, Hypothesis
from lsgeo.study.contrasts import Condition, Row, Sample

DECISIONS = ("supported", "contradicted", "no difference", "undecided")
VERDICTS = ("supported", "contradicted", "depends on protocol", "undecided")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One hypothesis under one condition.

    Attributes:
      condition: where.
      sample: one number for each seed.
      effect: their mean, interval and probabilities.
      adjusted_p: two-sided, Holm's: the primary findings over the claims, the others over the hypothesis.
      decision: of `DECISIONS`.
    """

    condition: Condition
    sample: Sample
    effect: statistics.Effect
    adjusted_p: float
    decision: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One hypothesis, and what a study says of it.

    Attributes:
      claim: that it belongs to.
      hypothesis: itself.
      findings: the primary one first, also where it has no number; () where the study has no condition for it.
      decision: of `VERDICTS`.
      seeds_needed: seeds in all after which the primary finding should be decided; None where that cannot
        be told, or is not needed.
    """

    claim: Claim
    hypothesis: Hypothesis
    findings: tuple[Finding, ...]
    decision: str
    seeds_needed: int | None

    @property
    def primary(self) -> Finding | None:
        """The finding that decides."""
        return self.findings[0] if self.findings else None

    @property
    def decides_claim(self) -> bool:
        """Whether the hypothesis is the claim's primary one."""
        return self.hypothesis is self.claim.hypotheses[0]


@dataclasses.dataclass(frozen=True)
class Design:
    """One family of a study and normalisation, as far as verdicts depend on it.

    Attributes:
      family: its name in the rows.
      model: family of models.
      norm: normalisation.
      depths: ascending.
      arms: names of `ARMS`.
      columns: that are measured in it.
    """

    family: str
    model: str
    norm: str
    depths: tuple[int, ...]
    arms: tuple[str, ...]
    columns: frozenset[str]


def decide(
    claims: Sequence[Claim],
    rows: Sequence[Row],
    designs: Sequence[Design],
    *,
    confidence: float = 0.95,
) -> list[Verdict]:
    """Decides every hypothesis of some claims.

    A finding is supported where the whole interval lies above the hypothesis' threshold and Holm's
    probability is no larger than 1 - confidence; contradicted where both hold on the other side; "no
    difference" where the whole interval lies between minus the threshold and the threshold.

    Args:
      claims: claims.
      rows: one mapping per network and reading, with family, norm, depth, arm, seed, reading and columns.
      designs: what the study has; the first one that a hypothesis covers, at its largest depth, with the
        hypothesis' first arms and reading, is its primary condition.
      confidence: of the intervals and, for the primary findings of all hypotheses together, the probability
        that no difference is found where none is.

    Returns:
      One verdict per hypothesis, in order.
    """
    pairs = [(claim, hypothesis) for claim in claims for hypothesis in claim.hypotheses]
    found = [_findings(hypothesis, rows, designs, confidence) for _, hypothesis in pairs]
    primary = statistics.holm([f[0].effect.p_value for f in found if f])
    adjusted, place = [], 0
    for findings in found:
        others = statistics.holm([f.effect.p_value for f in findings[1:]])
        adjusted.append([*primary[place : place + 1], *others] if findings else [])
        place += bool(findings)
    return [
        _verdict(claim, hypothesis, findings, ps, confidence)
        for (claim, hypothesis), findings, ps in zip(pairs, found, adjusted, strict=True)
    ]


def conditions(hypothesis: Hypothesis, designs: Sequence[Design]) -> list[Condition]:
    """Where a hypothesis is tested, the primary condition first."""
    found = [
        Condition(design.family, design.norm, depth, reading, arms)
        for design in designs
        if hypothesis.covers(design.model, design.norm)
        and set(hypothesis.contrast.columns) <= design.columns
        for depth in (
            sorted(design.depths, reverse=True) if hypothesis.contrast.per_depth else (0,)
        )
        for reading in hypothesis.readings
        for arms in hypothesis.arms
        if set(arms) <= set(design.arms)
    ]
    # The primary one has the first arms, wherever a family has them.
    return sorted(found, key=lambda condition: hypothesis.arms.index(condition.arms) > 0)


def _findings(hypothesis, rows, designs, confidence):
    findings = []
    for condition in conditions(hypothesis, designs):
        sample = hypothesis.contrast.sample(rows, condition)
        # The primary condition is fixed by the design: what it lacks is a result.
        if not findings or np.isfinite(sample.values).any():
            effect = statistics.effect(
                sample.values, threshold=hypothesis.threshold, confidence=confidence
            )
            findings.append(Finding(condition, sample, effect, math.nan, "undecided"))
    return findings


def _verdict(claim, hypothesis, findings, adjusted, confidence):
    findings = tuple(
        dataclasses.replace(
            finding,
            adjusted_p=float(p),
            decision=_decision(finding.effect, float(p), hypothesis.threshold, 1 - confidence),
        )
        for finding, p in zip(findings, adjusted, strict=True)
    )
    decision = _together([finding.decision for finding in findings])
    needed = None
    if decision == "undecided" and findings:
        needed = statistics.seeds_needed(
            findings[0].sample.values, hypothesis.threshold, alpha=1 - confidence
        )
    return Verdict(claim, hypothesis, findings, decision, needed)


def _decision(effect, adjusted_p, threshold, alpha):
    if effect.lower > threshold and adjusted_p <= alpha:
        return "supported"
    if effect.upper < -threshold and adjusted_p <= alpha:
        return "contradicted"
    if -threshold < effect.lower and effect.upper < threshold:
        return "no difference"
    return "undecided"


def _together(decisions):
    if not decisions:
        return "undecided"
    for_it = "supported" in decisions
    against = "contradicted" in decisions or "no difference" in decisions
    if for_it and against:
        return "depends on protocol"
    first = decisions[0]
    return "contradicted" if first == "no difference" else first


def splitting_factors(verdict: Verdict) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The factors whose levels tell where a hypothesis holds from where it does not.

    Returns:
      By factor ("family", "norm", "depth", "reading", "arms"): the levels of all findings that support, and
      those of all findings that do not, where these have no level in common.
    """
    sides = (
        [f.condition for f in verdict.findings if f.decision == "supported"],
        [f.condition for f in verdict.findings if f.decision in ("contradicted", "no difference")],
    )
    found = {}
    for factor in ("family", "norm", "depth", "reading", "arms"):
        levels = [dict.fromkeys(str(getattr(c, factor)) for c in side) for side in sides]
        if all(levels) and not levels[0].keys() & levels[1].keys():
            found[factor] = (tuple(levels[0]), tuple(levels[1]))
    return found

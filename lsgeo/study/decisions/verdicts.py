"""From rows to findings, and from findings to verdicts.

A finding is one hypothesis under one condition. A verdict is what the findings of a hypothesis say together:
the primary one decides, and where another one decides otherwise, beyond what chance does among so many, the
answer depends on the protocol.
"""

import collections
import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lsgeo.study.claims.records import Claim, Hypothesis
from lsgeo.study.contrasts.paired import Condition, Row, Sample
from lsgeo.study.decisions import statistics

DECISIONS = ("supported", "contradicted", "no difference", "undecided")
VERDICTS = ("supported", "contradicted", "depends on protocol", "undecided")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One hypothesis under one condition.

    Attributes:
      condition: where.
      sample: one number for each seed.
      effect: their mean, interval and probabilities.
      adjusted_p: `Effect.p_value`, Holm's: the primary finding over the first hypotheses of all claims, or over
        the others of its claim; all other findings over the hypothesis.
      decision: of `DECISIONS`.
    """

    condition: Condition
    sample: Sample
    effect: statistics.Effect
    adjusted_p: float
    decision: str

    @property
    def limit_share(self) -> float:
        """Largest share of the optimiser's stability limit over its networks; NaN where there is none."""
        return self.sample.limit_share


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
      split_p: that some conditions support it and others speak against it, adjusted over the hypotheses; 1
        where there is one condition.
    """

    claim: Claim
    hypothesis: Hypothesis
    findings: tuple[Finding, ...]
    decision: str
    seeds_needed: int | None
    split_p: float = 1.0

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
    num_resamples: int = 9999,
) -> list[Verdict]:
    """Decides every hypothesis of some claims.

    A finding is supported where the whole interval lies above the hypothesis' threshold and Holm's
    probability is no larger than 1 - confidence; contradicted where both hold on the other side (supported,
    too, by a two-sided hypothesis); "no difference" where the whole interval lies between minus the threshold
    and the threshold, and Holm's probability is as small.

    A verdict is the primary finding's decision, "no difference" counting as contradicted. It is "depends on
    protocol" where some findings support and others speak against the hypothesis and, after Simes' test on
    each side, the larger of the two probabilities is no larger than 1 - confidence by Holm over the same
    hypotheses: among thousands of findings one of the wrong sign is no surprise.

    Args:
      claims: claims.
      rows: one mapping per network and reading, with family, norm, depth, arm, seed, reading and columns.
      designs: what the study has; the first one that a hypothesis covers, at its largest depth, with the
        hypothesis' first arms and reading, is its primary condition.
      confidence: of the intervals; 1 - confidence bounds the probability of any wrong primary finding, and that
        of any wrong "depends on protocol", in the first hypotheses of all claims together, and in the others of
        each claim.
      num_resamples: bootstrap resamples of an interval.

    Returns:
      One verdict per hypothesis, in order.
    """
    alpha = 1 - confidence
    pairs = [(claim, hypothesis) for claim in claims for hypothesis in claim.hypotheses]
    options = {"confidence": confidence, "num_resamples": num_resamples}
    found = [_findings(hypothesis, rows, designs, options) for _, hypothesis in pairs]
    # The claims' first hypotheses share one level; a claim's others are asked beside it, and share one.
    shared = [
        "" if hypothesis is claim.hypotheses[0] else claim.name for claim, hypothesis in pairs
    ]
    primary = _over(found, 1, lambda findings, _: findings[0].effect.p_value, pairs, shared)
    split = _over(found, 2, _split_p, pairs, shared)
    # What the next hypothesis to be decided has to reach.
    left = collections.Counter(
        level for level, p, f in zip(shared, primary, found, strict=True) if f and p > alpha
    )
    verdicts = []
    for (claim, hypothesis), level, findings, first, apart in zip(
        pairs, shared, found, primary, split, strict=True
    ):
        others = statistics.holm([f.effect.p_value for f in findings[1:]])
        decided = _decided(findings, [first, *others], hypothesis, alpha)
        decision = _together([f.decision for f in decided], apart <= alpha)
        needed = None
        if decision == "undecided" and findings:
            values = findings[0].sample.values
            needed = statistics.seeds_needed(values, hypothesis.smallest, alpha=alpha / left[level])
        verdicts.append(Verdict(claim, hypothesis, decided, decision, needed, float(apart)))
    return verdicts


def conditions(hypothesis: Hypothesis, designs: Sequence[Design]) -> list[Condition]:
    """Where a hypothesis is tested, the primary condition first."""
    found = [
        Condition(design.family, design.norm, depth, reading, arms)
        for design in designs
        if hypothesis.covers(design.model, design.norm)
        and set(hypothesis.contrast.columns) <= design.columns
        for depth in _depths(hypothesis, design)
        for reading in hypothesis.readings
        for arms in hypothesis.pairs(design.arms)
    ]
    # The primary one has the first arms, wherever a family has them.
    return sorted(found, key=lambda condition: hypothesis.arms.index(condition.arms) > 0)


def _depths(hypothesis, design):
    if not hypothesis.contrast.per_depth:
        return (0,)
    largest_first = sorted(design.depths, reverse=True)
    wanted = hypothesis.depth or largest_first[0]
    first = next((depth for depth in largest_first if depth <= wanted), largest_first[-1])
    return (first, *(depth for depth in largest_first if depth != first))


def untested(hypothesis: Hypothesis, designs: Sequence[Design]) -> str:
    """Why a study has no condition for a hypothesis; "" where it has one."""
    if conditions(hypothesis, designs):
        return ""
    kinds = [*hypothesis.models, *(f"{norm} norm" for norm in hypothesis.norms)]
    about = f" of {', '.join(kinds)}" if kinds else ""
    ours = [d for d in designs if hypothesis.covers(d.model, d.norm) and hypothesis.pairs(d.arms)]
    if not ours:
        arms = " or ".join(f"{pair[0]} and {pair[1]}" for pair in hypothesis.arms)
        return f"no family of this study has networks{about} with the arms {arms}"
    measured = frozenset().union(*(design.columns for design in ours))
    wanted = hypothesis.contrast.columns
    absent = [name for name in wanted if name not in measured] or wanted
    return f"no run of this study measures {', '.join(absent)}" + (about and f" in networks{about}")


def _findings(hypothesis, rows, designs, options):
    findings = []
    for condition in conditions(hypothesis, designs):
        sample = hypothesis.contrast.sample(rows, condition)
        # The primary condition is fixed by the design: what it lacks is a result.
        if not findings or np.isfinite(sample.values).any():
            effect = statistics.effect(sample.values, threshold=hypothesis.smallest, **options)
            findings.append(Finding(condition, sample, effect, math.nan, "undecided"))
    return findings


def _over(found, least, p_value, pairs, shared):
    # Holm over the hypotheses of a level that have enough findings for the test; 1 for the others.
    adjusted = np.ones(len(found))
    for level in set(shared):
        tested = [i for i, f in enumerate(found) if shared[i] == level and len(f) >= least]
        adjusted[tested] = statistics.holm([p_value(found[i], pairs[i][1]) for i in tested])
    return adjusted


def _split_p(findings, hypothesis):
    effects = [finding.effect for finding in findings]
    if hypothesis.two_sided:
        for_it = [2 * min(e.p_larger, e.p_smaller) for e in effects]
        against = [e.p_inside for e in effects]
    else:
        for_it = [e.p_larger for e in effects]
        against = [min(e.p_smaller, e.p_inside) for e in effects]
    return max(statistics.simes(np.minimum(side, 1.0)) for side in (for_it, against))


def _decided(findings, adjusted, hypothesis, alpha):
    return tuple(
        dataclasses.replace(
            finding, adjusted_p=float(p), decision=_decision(finding.effect, p, hypothesis, alpha)
        )
        for finding, p in zip(findings, adjusted, strict=False)
    )


def _decision(effect, adjusted_p, hypothesis, alpha):
    threshold = hypothesis.smallest
    if adjusted_p > alpha:
        return "undecided"
    if effect.lower > threshold:
        return "supported"
    if effect.upper < -threshold:
        return "supported" if hypothesis.two_sided else "contradicted"
    if -threshold < effect.lower and effect.upper < threshold:
        return "no difference"
    return "undecided"


def _together(decisions, is_split):
    if not decisions:
        return "undecided"
    for_it = "supported" in decisions
    against = "contradicted" in decisions or "no difference" in decisions
    if for_it and against and is_split:
        return "depends on protocol"
    first = decisions[0]
    return "contradicted" if first == "no difference" else first

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
from lsgeo.study.contrasts.paired import Condition
from lsgeo.study.contrasts.samples import Row
from lsgeo.study.decisions import _room, statistics
from lsgeo.study.decisions.needed import seeds_needed
from lsgeo.study.decisions.ranks import rank_effect
from lsgeo.study.decisions.records import Design, Finding, Verdict


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

    A finding is "no room" where twins are tied, or both at an end of the scale: no test is made, which counts
    as a probability of 1. It is "bound" where it would be decided, but the optimiser's limit may hold its
    number. Where some numbers are only bounds the effect is that of ranks (`rank_effect`).

    A verdict is the primary finding's decision, "no difference" counting as contradicted. Unless that is
    "bound" or "no room", it is "depends on protocol" where some findings support and others speak against the
    hypothesis and, after Simes' test on each side, the larger of the two probabilities is no larger than
    1 - confidence by Holm over the same hypotheses: among thousands of findings one of the wrong sign is no
    surprise.

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
            needed = _needed(findings[0], hypothesis, alpha / max(1, left[level]))
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
            effect, stuck = _effect(hypothesis, sample, **options)
            held = _room.is_bound(hypothesis, condition, sample)
            findings.append(Finding(condition, sample, effect, math.nan, "undecided", stuck, held))
    return findings


def _effect(hypothesis, sample, confidence, num_resamples):
    options = {"threshold": hypothesis.smallest, "confidence": confidence}
    if np.isinf(sample.lower).any() or np.isinf(sample.upper).any():
        found = rank_effect(sample, **options)
    else:
        found = statistics.effect(
            sample.values, pairs=sample.pairs, num_resamples=num_resamples, **options
        )
    stuck = _room.no_room(hypothesis, sample)
    if stuck:  # no test
        untested = dict.fromkeys(("p_larger", "p_smaller", "p_inside"), math.nan)
        found = dataclasses.replace(found, **untested)
    return found, stuck


def _needed(finding, hypothesis, alpha):
    sample = finding.sample
    return seeds_needed(
        sample.values,
        hypothesis.smallest,
        pairs=sample.pairs,
        by_signs=finding.effect.test in ("ranks", "signs"),
        alpha=alpha,
    )


def _over(found, least, p_value, pairs, shared):
    # Holm over the hypotheses of a level that have enough findings for the test; 1 for the others.
    adjusted = np.ones(len(found))
    for level in set(shared):
        tested = [i for i, f in enumerate(found) if shared[i] == level and len(f) >= least]
        adjusted[tested] = statistics.holm([p_value(found[i], pairs[i][1]) for i in tested])
    return adjusted


def _split_p(findings, hypothesis):
    # Conditions that cannot be decided can be on neither side.
    effects = [finding.effect for finding in findings if not finding.held]
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
            finding, adjusted_p=float(p), decision=_decision(finding, p, hypothesis, alpha)
        )
        for finding, p in zip(findings, adjusted, strict=False)
    )


def _decision(finding, adjusted_p, hypothesis, alpha):
    if finding.no_room:
        return "no room"
    decision = _beyond(finding.effect, adjusted_p, hypothesis, alpha)
    return "bound" if finding.held and decision != "undecided" else decision


def _beyond(effect, adjusted_p, hypothesis, alpha):
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
    if decisions[0] in ("bound", "no room"):
        return decisions[0]
    for_it = "supported" in decisions
    against = "contradicted" in decisions or "no difference" in decisions
    if for_it and against and is_split:
        return "depends on protocol"
    first = decisions[0]
    return "contradicted" if first == "no difference" else first

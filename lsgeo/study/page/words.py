"""Verdicts in words."""

import collections
import math
import re
from collections.abc import Sequence

from lsgeo import study
from lsgeo.study import laws
from lsgeo.study.decisions import needed, statistics
from lsgeo.study.essay.records import ANSWERS
from lsgeo.study.races.sweeps import HELD

SHAPES = {
    "supported": "●",
    "contradicted": "✕",
    "depends on protocol": "◐",
    "bound": "▷",
    "no room": "□",
    "undecided": "◇",
    "no difference": "○",
}
LAW_SHAPES = dict(zip(laws.VERDICTS, "●◐✕◇", strict=True))
ANSWER_SHAPES = dict(zip(ANSWERS, "●◐✕◇", strict=True))
BRIEF = 40  # characters: too few to be all that is said
READINGS = {
    "init": "at initialisation",
    "matched": "at matched loss",
    "end": "at the end",
    "": "whole run",
}
FACTORS = {
    "family": "the family of networks",
    "norm": "normalisation",
    "depth": "depth",
    "reading": "the moment of reading",
    "arms": "the networks compared",
}


def answer(verdicts: Sequence[study.Verdict], num_networks: int) -> str:
    """The answer of a study in one paragraph, from the primary hypotheses of its claims."""
    primary = [verdict for verdict in verdicts if verdict.decides_claim]
    if not primary:
        return "No claim was measured."
    found = {
        decision: [v.claim.name for v in primary if v.decision == decision]
        for decision in study.VERDICTS
    }
    said = {
        "supported": ("is supported", "are supported"),
        "contradicted": ("is contradicted", "are contradicted"),
        "depends on protocol": ("depends on the protocol", "depend on the protocol"),
        "bound": ("is held by the learning rate", "are held by the learning rate"),
        "no room": ("had no room to show", "had no room to show"),
        "undecided": ("is undecided", "are undecided"),
    }
    parts = [
        f"{len(names)} {said[decision][len(names) > 1]} ({', '.join(names)})"
        for decision, names in found.items()
        if names
    ]
    claims = "1 claim" if len(primary) == 1 else f"{len(primary)} claims"
    return (
        f"Of {claims} about skip connections, tested on {num_networks} networks that are twins but for "
        f"their skips, {_listed(parts)}."
    )


def effect(verdict: study.Verdict, finding: study.Finding) -> tuple[str, str]:
    """An effect and its interval: factors where the contrast is a ratio, else numbers."""
    show = factor if verdict.hypothesis.contrast.is_ratio else number
    found = finding.effect
    if math.isnan(found.value):
        return "no number", ""
    return show(found.value), f"[{show(found.lower)}, {show(found.upper)}]"


def is_held(limit_share: float | str | None) -> bool:
    """Whether the learning rate holds a curvature down, so that its number is only a bound."""
    return limit_share not in (None, "") and float(limit_share) >= HELD


def limit(finding: study.Finding) -> str:
    """How near the optimiser's limit the networks of a finding are; "" where that is no question."""
    share = finding.limit_share
    return "" if math.isnan(share) else f"{100 * share:.0f} % of the optimiser's limit"


def short(sentence: str) -> str:
    """A sentence without those that follow it, what fits on a first screen; a few words keep the next one."""
    first, *others = re.split(r"(?<=[.!?]) (?=[A-Z×])", sentence, maxsplit=2)
    return " ".join([first, *others[:1]]) if len(first) < BRIEF else first


def count(number: int) -> str:
    """A small whole number as a word."""
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[number] if number < len(names) else str(number)


def networks(condition: study.Condition) -> str:
    """The networks of a condition: family, normalisation and depth."""
    depth = f"depth {condition.depth}" if condition.depth else "all depths"
    return ", ".join(
        [condition.family, *([_norm(condition.norm)] if condition.norm else []), depth]
    )


def where(condition: study.Condition) -> str:
    """A condition in words."""
    return f"{networks(condition)}, {READINGS.get(condition.reading, condition.reading)}"


def against(condition: study.Condition) -> str:
    """What networks without skips are compared with; both arms, where it is something else."""
    without, with_skip = (
        study.ARMS[arm].phrase if arm in study.ARMS else arm for arm in condition.arms
    )
    return with_skip if condition.arms[0] == "plain" else f"{without} against {with_skip}"


def tally(verdict: study.Verdict) -> str:
    """In how many conditions a hypothesis was decided how."""
    counts = collections.Counter(finding.decision for finding in verdict.findings)
    parts = [f"{name} in {counts[name]}" for name in study.DECISIONS if counts[name]]
    return ", ".join(parts) or "no condition"


def beside(verdict: study.Verdict) -> str:
    """What all conditions say together, beside the primary one: the pooled effect and the one in the middle."""
    pooled, middle = verdict.pooled, verdict.median
    if pooled is None or pooled.num_conditions < 2:
        return ""
    show = factor if verdict.hypothesis.contrast.is_ratio else number
    return (
        f"Pooled over {pooled.num_conditions} conditions ({pooled.model}): {show(pooled.value)} "
        f"[{show(pooled.lower)}, {show(pooled.upper)}]. The condition in the middle, "
        f"{where(middle.condition)}, has {show(middle.effect.value)}."
    )


def missing_seeds(verdict: study.Verdict) -> str:
    """How many more seeds an undecided hypothesis needs, "" where that is no question."""
    if verdict.decision != "undecided":
        return ""
    if not verdict.findings:
        return "not measured here"
    pairs = verdict.primary.effect.num_pairs
    if not pairs:
        return "no number at its primary condition"
    if pairs < statistics.FEWEST:
        return f"needs {_seeds(statistics.FEWEST - pairs)} at least"
    wanted = verdict.seeds_needed
    if wanted is None or math.isinf(wanted.low):
        return f"needs more than {needed.MOST_SEEDS} seeds"
    low, high = wanted.low - pairs, wanted.high - pairs
    if math.isinf(high):
        return f"needs {low} more seeds, or more than {needed.MOST_SEEDS}"
    return f"needs {_seeds(low)}" if low == high else f"needs {low} to {high} more seeds"


def depends_on(verdict: study.Verdict) -> list[str]:
    """What decides where a hypothesis holds, one sentence for each factor."""
    if verdict.decision != "depends on protocol":
        return []
    factors = study.splitting_factors(verdict)
    if not factors:
        return [
            "It holds under some conditions and not under others, and no single factor tells them apart."
        ]
    return [
        f"It depends on {FACTORS[name]}: it holds for {levels(name, holds)}, and not for "
        f"{levels(name, fails)}."
        for name, (holds, fails) in factors.items()
    ]


def levels(factor_name: str, found: Sequence[str]) -> str:
    """Levels of a factor that `lsgeo.study.splitting_factors` names, in words."""
    say = {
        "reading": lambda level: READINGS.get(level, level),
        "norm": _norm,
        "depth": lambda level: f"depth {level}",
        # A pair of arms came as its text, "('plain', 'residual')".
        "arms": lambda level: level.strip("()").replace("'", "").replace(", ", " against "),
    }.get(factor_name, str)
    return _listed([say(level) for level in found])


def comparable(published: Sequence[study.Published]) -> Sequence[study.Published]:
    """Those that a verdict can agree with; where there is none, the first one."""
    return [one for one in published if one.sign] or published[:1]


def agreement(verdict: study.Verdict, published: study.Published) -> str:
    """Whether a published number agrees with a verdict."""
    if published.sign == 0:
        return "not comparable"
    if verdict.decision in ("undecided", "bound", "no room"):
        return "undecided here"
    if verdict.decision == "depends on protocol":
        return "agrees in part"
    return "agrees" if (verdict.decision == "supported") == (published.sign > 0) else "disagrees"


def number(value: float) -> str:
    """A number with its sign and two or three digits."""
    if value == 0:
        return "0"
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.2f}" if 0.1 <= abs(value) < 1000 else f"{value:+.2g}"
    return text.replace("-", "−")


def factor(log_ratio: float) -> str:
    """The factor whose natural logarithm is given."""
    if math.isnan(log_ratio):
        return "–"
    if log_ratio > math.log(1e6):
        return "∞" if math.isinf(log_ratio) else f"×10^{log_ratio / math.log(10):.1f}"
    value = math.exp(log_ratio)
    if value >= 100:
        return f"×{value:.0f}"
    if 0.5 < value < 2:
        return f"×{value:.2f}"
    return f"×{value:.2g}" if value == 0 or value >= 1e-3 else f"×{value:.0e}".replace("-", "−")


def probability(value: float) -> str:
    """A probability, as far as it matters."""
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _seeds(more):
    return f"{more} more seed{'s' if more > 1 else ''}"


def _norm(name):
    return "no norm" if name == "none" else f"{name} norm"


def _listed(parts):
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

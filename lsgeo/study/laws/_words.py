"""How laws are put into words, and how their checks become a verdict."""

import math
from collections.abc import Iterable, Sequence

from lsgeo.study.arms import ARMS
from lsgeo.study.decisions.verdicts import Design
from lsgeo.study.laws.records import (
    FAILS,
    HOLDS,
    NO,
    OPEN,
    UNMEASURED,
    WITHIN,
    YES,
    Check,
    Curve,
    Fitted,
    Law,
    LawResult,
)


def label(arm: str) -> str:
    """An arm's label in figures; its name where the study has no such arm."""
    return ARMS[arm].label if arm in ARMS else arm


def phrase(arm: str) -> str:
    """An arm in a sentence: "with skips"."""
    return ARMS[arm].phrase if arm in ARMS else f"of the arm {arm}"


def norm_of(norm: str) -> str:
    """A norm in words: "layer norm"."""
    return "no norm" if norm == "none" else f"{norm} norm"


def place(family: str, norm: str) -> str:
    """A family and a norm in a sentence."""
    return f"{family}, {norm_of(norm)}"


def blocks(designs: Sequence[Design]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Family, norm and arms of a study, each family and norm once, in its order."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for design in designs:
        found.setdefault((design.family, design.norm), {}).update(dict.fromkeys(design.arms))
    return [(family, norm, tuple(arms)) for (family, norm), arms in found.items()]


def above(text: str, found: Fitted, bar: float) -> Check:
    """Whether a number lies above a bar with its whole interval, or below with it."""
    answer = YES if found.lower > bar else NO if found.upper < bar else OPEN
    return Check(text, answer, bool(found.side))


def below(text: str, found: Fitted, bar: float) -> Check:
    """Whether a number lies below a bar with its whole interval, or above with it."""
    answer = YES if found.upper < bar else NO if found.lower > bar else OPEN
    return Check(text, answer, bool(found.side))


def within(text: str, found: Fitted, target: float, margin: float) -> Check:
    """Whether a number lies within a margin of another one with its whole interval, or outside with it."""
    low, high = target - margin, target + margin
    if low < found.lower and found.upper < high:
        answer = YES
    else:
        answer = NO if found.lower > high or found.upper < low else OPEN
    return Check(text, answer, bool(found.side))


def decided(
    law: Law,
    curves: Sequence[Curve],
    checks: Sequence[Check],
    sentence: str,
    stops: Iterable[str],
    note: str = "",
) -> LawResult:
    """The result of a law's checks.

    It holds where all are answered with yes, none by a bound, and nothing is known of where it stops. It
    fails where at least as many are answered with no as with yes, and is not measured where none is
    answered. Between these it holds within limits, which `stops` and the checks tell. `note` says what the
    law had no numbers for; it decides nothing.
    """
    stops = list(stops)
    yes, no = (sum(check.answer == answer for check in checks) for answer in (YES, NO))
    if not yes + no:
        verdict, sentence = UNMEASURED, f"Not decided by these numbers. {sentence}"
    elif no >= yes:
        verdict = FAILS
    elif yes < len(checks) or stops or any(check.is_bound for check in checks):
        verdict = WITHIN
    else:
        verdict = HOLDS
    kept = stops + [f"{check.text}: no" for check in checks if check.answer == NO]
    kept += [f"{check.text}: not decided" for check in checks if check.answer == OPEN]
    text = _sentences([*kept, *([note] if note else [])])
    return LawResult(law, tuple(curves), verdict, sentence, text, tuple(checks))


def too_few(places: Sequence[str]) -> str:
    """What is said of places with fewer than three depths; "" where there is none."""
    return f"a law needs three depths, and has fewer in {listed(places)}" if places else ""


def times(log: float) -> str:
    """A factor out of its logarithm: "×2.4"."""
    return f"×{math.exp(log):.3g}" if math.isfinite(log) else "no number"


def factor(found: Fitted) -> str:
    """A factor with its interval, out of logarithms."""
    if math.isnan(found.value):
        return "no number"
    least = {1: "at least ", -1: "at most ", 0: ""}[found.side]
    ends = {
        1: f"from {times(found.lower)}",
        -1: f"to {times(found.upper)}",
        0: f"{times(found.lower)} to {times(found.upper)}",
    }
    return f"{least}{times(found.value)} ({ends[found.side]})"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence: "a, b and c"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _sentences(texts):
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(texts))

"""The rule that makes "true", "only if", "false" or "open" of a sentence."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lsgeo import study
from lsgeo.study.decisions.protocols import splitting_factors
from lsgeo.study.essay.records import Judgement, Sentence
from lsgeo.study.page import words

_UNDER = {"family": "in ", "norm": "with ", "depth": "at ", "reading": "", "arms": "for "}
FOR, AGAINST, BOTH, OPEN = "for", "against", "both", "open"
_SIDES = {"supported": FOR, "contradicted": AGAINST, "depends on protocol": BOTH}
_LIMITING = ("holds", "holds within limits")


@dataclasses.dataclass(frozen=True)
class Known:
    """What a study says of one hypothesis.

    Attributes:
      decision: of `lsgeo.study.VERDICTS`.
      number: its primary effect with the interval; "" where it has none.
      where: the primary condition, in words.
      holds: under which levels of the factors that split it the hypothesis holds, in words.
      fails: under which it does not.
    """

    decision: str
    number: str = ""
    where: str = ""
    holds: str = ""
    fails: str = ""

    @property
    def side(self) -> str:
        """What it says for the sentence: "for", "against", "both" or "open"."""
        return _SIDES.get(self.decision, OPEN)


def judge(sentence: Sentence, found: Mapping[str, Known], laws: Mapping[str, str]) -> Judgement:
    """Judges one sentence.

    The sentence's hypotheses are for it (supported), against it (contradicted), both (depends on protocol) or
    open (anything else, also a bound, no room, and what was not measured).

    - Open: the first one, which is the sentence itself, is open; what others say cannot stand in for it.
    - False: all that are not open are against it.
    - Only if: some are for it and some against, or one is both, or a law that limits it holds. The condition is
      that of those for it, what splits those that are both, and that of the law.
    - True: all that are not open are for it, and no law limits it.

    Args:
      sentence: Sentence.
      found: what a study says of its hypotheses, by name; one that is not there was not measured.
      laws: verdicts of laws, by name.

    Returns:
      Judgement.
    """
    parts = [(part, found.get(part.name, Known("not measured"))) for part in sentence.hypotheses]
    first = parts[0][1]
    limits = [part.when for part in sentence.laws if laws.get(part.name) in _LIMITING]
    sides = {known.side for _, known in parts} - {OPEN}
    if first.side == OPEN:
        answer, text = "open", _reason(first)
    elif sides == {AGAINST}:
        answer, text = "false", _open(parts)
    elif sides == {FOR} and not limits:
        answer, text = "true", _open(parts)
    else:
        answer, text = "only if", _joined(_condition(parts, limits), _open(parts))
    link = sentence.figure if sentence.figure in laws else sentence.claim
    return Judgement(sentence, answer, text, first.number, first.where, link)


def known(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Known]:
    """What verdicts.json says of hypotheses, by name.

    Args:
      verdicts: its entries.
    """
    return {verdict["hypothesis"]: _known(verdict) for verdict in verdicts}


def _known(verdict):
    findings = [_finding(one) for one in verdict["findings"]]
    if not findings:
        return Known("not measured")
    show = words.factor if verdict["is_log_ratio"] else words.number
    first = verdict["findings"][0]
    number = ""
    if first["effect"] is not None:
        number = show(first["effect"])
        if None not in (first["lower"], first["upper"]):
            number += f" [{show(first['lower'])}, {show(first['upper'])}]"
    depends = verdict["verdict"] == "depends on protocol"
    split = splitting_factors(_Verdict(findings)) if depends else {}
    holds, fails = (
        ", ".join(f"{_UNDER[name]}{words.levels(name, both[side])}" for name, both in split.items())
        for side in (0, 1)
    )
    where = words.where(findings[0].condition)
    return Known(verdict["verdict"], number, where, holds, fails)


@dataclasses.dataclass(frozen=True)
class _Finding:
    condition: study.Condition
    decision: str


@dataclasses.dataclass(frozen=True)
class _Verdict:
    # What `splitting_factors` reads of a verdict.
    findings: Sequence[_Finding]


def _finding(one):
    names = ("family", "norm", "depth", "reading")
    condition = study.Condition(*(one[name] for name in names), tuple(one["arms"]))
    return _Finding(condition, one["decision"])


def _condition(parts, limits):
    yes, no = [], []
    for part, known in parts:
        if known.side == FOR and len({k.side for _, k in parts} - {OPEN}) > 1:
            yes.append(part.when)
        elif known.side == AGAINST:
            no.append(part.when)
        elif known.side == BOTH:
            prefix = f"{part.when}, " if part.when else ""
            if known.holds:
                yes.append(f"{prefix}measured {known.holds}")
                no.append(f"{prefix}measured {known.fails}")
            else:
                yes.append(
                    f"{prefix}measured in some conditions, which no single factor tells apart"
                )
    condition = "; or ".join(yes)
    if limits:
        condition = (
            f"{condition}; and only if {' and '.join(limits)}" if yes else " and ".join(limits)
        )
    return _joined(condition, f"not if {'; nor if '.join(no)}" if no else "")


def _open(parts):
    unknown = [part.when for part, known in parts if known.side == OPEN]
    return f"not known if {'; nor if '.join(unknown)}" if unknown else ""


def _reason(first):
    return {
        "not measured": "not measured here",
        "bound": "a bound only: the learning rate holds the number",
        "no room": "no room: at a floor or a ceiling nothing can be seen",
    }.get(first.decision, first.decision)


def _joined(*texts):
    return "; ".join(text for text in texts if text)

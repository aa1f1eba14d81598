"""What becomes of the essay's sentences: planted verdicts and laws against answers written by hand."""

import pytest

from lsgeo import study
from lsgeo.study import essay
from lsgeo.study.essay import Part, Sentence
from lsgeo.study.essay.judge import Known

ONE = Sentence("E0", "words", "meaning", (Part("C1a"),))
TWO = Sentence("E0", "words", "meaning", (Part("C1a", "it rains"), Part("C1b", "it snows")))
LIMITED = Sentence(
    "E0", "words", "meaning", (Part("C1a"),), (Part("L2", "the rate may grow"),), "L2"
)
YES, NO, OPEN = Known("supported"), Known("contradicted"), Known("undecided")
SPLIT = Known("depends on protocol", holds="with layer norm", fails="with no norm")
BLURRED = Known("depends on protocol")


def told(sentence, *found, **laws):
    names = [part.name for part in sentence.hypotheses]
    judged = essay.judge(sentence, dict(zip(names, found, strict=False)), laws)
    return judged.answer, judged.words


@pytest.mark.parametrize(
    ("sentence", "found", "expected"),
    [
        (ONE, [YES], ("true", "")),
        (ONE, [NO], ("false", "")),
        (ONE, [OPEN], ("open", "undecided")),
        (ONE, [], ("open", "not measured here")),
        (ONE, [Known("bound")], ("open", "a bound only: the learning rate holds the number")),
        (
            ONE,
            [Known("no room")],
            ("open", "no room: at a floor or a ceiling nothing can be seen"),
        ),
        (ONE, [SPLIT], ("only if", "measured with layer norm; not if measured with no norm")),
        (
            ONE,
            [BLURRED],
            ("only if", "measured in some conditions, which no single factor tells apart"),
        ),
        (TWO, [YES, YES], ("true", "")),
        (TWO, [NO, NO], ("false", "")),
        (TWO, [YES, NO], ("only if", "it rains; not if it snows")),
        (TWO, [NO, YES], ("only if", "it snows; not if it rains")),
        (TWO, [YES, OPEN], ("true", "not known if it snows")),
        (TWO, [NO, Known("bound")], ("false", "not known if it snows")),
        (TWO, [OPEN, YES], ("open", "undecided")),
        (TWO, [YES], ("true", "not known if it snows")),
        (
            TWO,
            [YES, SPLIT],
            (
                "only if",
                "it rains; or it snows, measured with layer norm; not if it snows, measured with no norm",
            ),
        ),
    ],
)
def test_what_becomes_of_planted_verdicts(sentence, found, expected):
    assert told(sentence, *found) == expected


@pytest.mark.parametrize(
    ("verdict", "found", "expected"),
    [
        ("holds", YES, ("only if", "the rate may grow")),
        ("holds within limits", YES, ("only if", "the rate may grow")),
        ("fails", YES, ("true", "")),
        ("not measured", YES, ("true", "")),
        ("holds", NO, ("false", "")),
        ("holds", OPEN, ("open", "undecided")),
        (
            "holds",
            SPLIT,
            (
                "only if",
                "measured with layer norm; and only if the rate may grow; not if measured with no norm",
            ),
        ),
    ],
)
def test_a_law_that_holds_limits_a_true_sentence_and_saves_no_false_one(verdict, found, expected):
    assert told(LIMITED, found, L2=verdict) == expected


def test_a_sentence_leads_to_its_law_where_there_is_one_else_to_its_claim():
    assert essay.judge(LIMITED, {}, {"L2": "fails"}).link == "L2"
    assert essay.judge(LIMITED, {}, {}).link == "C1"
    assert essay.judge(ONE, {}, {}).link == "C1"


def finding(norm, decision, effect=0.7):
    number = {"effect": effect, "lower": None if effect is None else 0.5, "upper": effect and 0.9}
    place = {"family": "MLP", "norm": norm, "depth": 16, "reading": "matched"}
    return {**place, "arms": ["plain", "residual"], "decision": decision, **number}


def verdict(decision, *findings, is_log_ratio=True):
    return {
        "hypothesis": "C1a",
        "verdict": decision,
        "is_log_ratio": is_log_ratio,
        "findings": list(findings),
    }


def test_stored_verdicts_are_read_with_their_numbers_and_with_what_splits_them():
    found = essay.known(
        [
            verdict(
                "depends on protocol",
                finding("layer", "supported"),
                finding("none", "contradicted"),
            )
        ]
    )["C1a"]
    # exp(.7), exp(.5), exp(.9)
    assert found.number == "×2 [×1.65, ×2.5]"
    assert found.where == "MLP, layer norm, depth 16, at matched loss"
    assert (found.holds, found.fails) == ("with layer norm", "with no norm")
    plain = essay.known([verdict("supported", finding("layer", "supported"), is_log_ratio=False)])
    assert plain["C1a"].number == "+0.70 [+0.50, +0.90]" and plain["C1a"].holds == ""


def test_a_hypothesis_without_findings_was_not_measured_and_one_without_a_number_has_none():
    assert essay.known([verdict("undecided")])["C1a"].decision == "not measured"
    empty = essay.known([verdict("undecided", finding("layer", "undecided", None))])["C1a"]
    assert (empty.decision, empty.number) == ("undecided", "")


def test_every_sentence_asks_what_there_is_and_every_quote_of_a_claim_is_a_sentence():
    there = {h.name for claim in study.CLAIMS for h in claim.hypotheses}
    for sentence in essay.SENTENCES:
        assert {part.name for part in sentence.hypotheses} <= there
        assert {part.name for part in sentence.laws} | {sentence.figure} <= {
            *("L1", "L2", "L3", "L4", "L5"),
            "",
        }
    quotes = {sentence.quote for sentence in essay.SENTENCES}
    assert {claim.quote for claim in study.CLAIMS if claim.quote} <= quotes
    names = [sentence.name for sentence in essay.SENTENCES]
    assert names == [f"E{k}" for k in range(1, len(names) + 1)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sentence("E0", "", "", ()), "`hypotheses` of E0 must hold at least one"),
        (
            lambda: Sentence("E0", "", "", (Part("C1a"), Part("C1b", "x"))),
            "`when` of C1a in E0 must say",
        ),
        (
            lambda: Sentence("E0", "", "", (Part("C1a"),), (Part("L1"),)),
            "`when` of L1 in E0 must say",
        ),
    ],
)
def test_a_sentence_that_cannot_be_judged_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

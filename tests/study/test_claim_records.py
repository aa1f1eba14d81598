"""Every record of a claim is complete, and what it reads is measured where it reads it."""

import math
import re

import pytest

from lsgeo.models.factory import MODELS
from lsgeo.models.norms import NORMS
from lsgeo.study import ARMS, CLAIMS
from lsgeo.study.measures import MEASURES

COLUMNS = {
    (column.name, reading)
    for measure in MEASURES.values()
    for column in measure.columns
    for reading in column.readings
}
PAIRS = [(claim, hypothesis) for claim in CLAIMS for hypothesis in claim.hypotheses]
hypotheses = pytest.mark.parametrize(("claim", "hypothesis"), PAIRS, ids=lambda x: x.name)
claims = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


def test_claims_are_numbered_and_in_order():
    numbers = [int(re.fullmatch(r"C(\d+)", claim.name)[1]) for claim in CLAIMS]
    assert numbers == sorted(set(numbers)) and 1 <= numbers[0]


@claims
def test_a_claim_is_said_in_full_and_its_hypotheses_have_its_name_and_a_letter(claim):
    for words in (claim.title, claim.statement, claim.protocol, claim.contested):
        assert words.strip() == words != ""
    assert claim.protocol.endswith(".") and claim.contested.endswith(".")
    names = [hypothesis.name for hypothesis in claim.hypotheses]
    assert names and len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(claim.name + "[a-z]", name)


@hypotheses
def test_a_hypothesis_says_what_would_refute_it(claim, hypothesis):
    for words in (hypothesis.statement, hypothesis.metric_name, hypothesis.falsifier):
        assert words.strip() == words != ""
    assert 0 <= hypothesis.smallest < math.inf and hypothesis.reason.strip()


@hypotheses
def test_what_a_hypothesis_reads_is_measured_where_it_reads_it(claim, hypothesis):
    assert hypothesis.readings and hypothesis.contrast.columns
    for column in hypothesis.contrast.columns:
        for reading in hypothesis.readings:
            assert (column, reading) in COLUMNS


@hypotheses
def test_a_hypothesis_is_about_arms_and_networks_that_there_are(claim, hypothesis):
    assert hypothesis.arms
    for without, with_skip in hypothesis.arms:
        assert without in ARMS and with_skip in ARMS and without != with_skip
    assert set(hypothesis.models) <= set(MODELS) and set(hypothesis.norms) <= set(NORMS)


@hypotheses
def test_published_numbers_have_a_source_and_a_sign(claim, hypothesis):
    for published in hypothesis.published:
        assert published.text and published.source and published.sign in (-1, 0, 1)


def test_no_two_hypotheses_ask_the_same():
    # Twice the same question would count twice among the probabilities that Holm's method adjusts.
    asked = [(h.contrast, h.readings[:1], h.arms[:1], h.models, h.norms) for _, h in PAIRS]
    doubles = [h.name for (_, h), one in zip(PAIRS, asked, strict=True) if asked.count(one) > 1]
    assert not doubles

"""Planted power laws and planted twins: C19 to C23 say what was planted, and nothing where nothing is."""

import dataclasses
import math

import numpy as np
import pytest

from lsgeo.study import ARMS, CLAIMS, decide, untested
from lsgeo.study.config import Family
from lsgeo.study.plan import designs_of

SEEDS, DEPTHS = range(5), (4, 8, 16, 32)
C = {claim.name: claim for claim in CLAIMS}
H = {h.name: h for claim in CLAIMS for h in claim.hypotheses}
DEPTH_CLAIMS = [h for name in ("C19", "C20", "C21") for h in C[name].hypotheses]
FURTHER = (
    "C22b",
)  # The one radius: larger is better. All else is predicted to be lower on the second side.
PAIRED = [h for name in ("C22", "C23") for h in C[name].hypotheses]


def design(model, arms, norm="none"):
    depths = DEPTHS if model == "mlp" else (6,)
    family = Family(model=model, norms=(norm,), depths=depths, arms=",".join(arms))
    return dataclasses.replace(designs_of([("F", family, norm, arms)])[0], family="F")


def judged(hypothesis, value, arms, model="mlp", norm="none"):
    """The primary finding where value(arm, depth) stands in the column, with 0.1 % of noise over seeds."""
    made = design(model, arms, norm)
    rng, rows = np.random.default_rng(0), []
    (column,) = hypothesis.contrast.columns
    for depth in made.depths:
        for arm in arms:
            for seed in SEEDS:
                noise = np.exp(0.001 * rng.standard_normal())
                row = {"family": "F", "norm": norm, "depth": depth, "arm": arm, "seed": seed}
                row |= {"reading": hypothesis.readings[0], "split": seed, "limit_share": 0.1}
                rows.append({**row, column: value(arm, depth) * noise})
    claim = dataclasses.replace(C[hypothesis.name[:-1]], hypotheses=(hypothesis,))
    (verdict,) = decide([claim], rows, [made])
    return verdict.primary.decision, verdict.primary.condition


def named(hypothesis):
    return hypothesis.name


def exponents(hypothesis):
    """One that its interval holds, and one that it does not."""
    contrast = hypothesis.contrast
    low, high = contrast.low, contrast.high
    inside = (low + high) / 2 if math.isfinite(low + high) else (low + 1 if low > -9 else high - 1)
    return inside, (high + 0.5 if high < 9 else low - 0.5)


@pytest.mark.parametrize("hypothesis", [h for h in DEPTH_CLAIMS if h.name != "C21c"], ids=named)
def test_a_planted_exponent_is_what_the_claim_says_of_its_arm(hypothesis):
    inside, outside = exponents(hypothesis)
    pair = hypothesis.arms[0]
    arms = tuple(dict.fromkeys(("plain", *pair)))

    def found(power):
        # The other arm has another law, which must not count.
        def value(arm, depth):
            return 3 * depth ** (power if arm == pair[1] else power - 2)

        return judged(hypothesis, value, arms)[0]

    assert found(inside) == "supported"
    assert found(outside) == "contradicted"


def test_the_predicted_exponents_are_those_of_the_theory():
    # (arm, column) -> the exponent that is predicted; each interval holds it, and not what would refute it.
    predicted = {
        "C19a": (0, 0.72), "C19b": (0.72, 0), "C19c": (0, 0.72), "C19d": (0, -1), "C19e": (-1, 0),
        "C19f": (0, -1), "C19g": (0, -1), "C20a": (-0.5, 0), "C20b": (0, -0.5), "C21a": (0, 1),
        "C21b": (1, 0),
    }  # fmt: skip
    assert set(predicted) == {h.name for h in DEPTH_CLAIMS} - {"C21c"}
    for name, (right, wrong) in predicted.items():
        contrast = H[name].contrast
        assert contrast.low <= right <= contrast.high
        assert not contrast.low <= wrong <= contrast.high


def test_curvature_at_zero_over_three_layers_contradicts():
    hypothesis, arms = H["C21c"], ("plain", "residual")
    assert judged(hypothesis, lambda arm, depth: 0.05, arms)[0] == "supported"
    assert judged(hypothesis, lambda arm, depth: 0.2, arms)[0] == "contradicted"


@pytest.mark.parametrize("hypothesis", PAIRED, ids=named)
def test_a_planted_gap_between_a_rival_and_the_skip_decides_by_its_sign(hypothesis):
    model = hypothesis.models[0] if hypothesis.models else "mlp"
    norm = "layer" if model == "vit" else "none"
    without, with_skip = hypothesis.arms[0]
    arms = tuple(dict.fromkeys(("plain", without, with_skip)))

    def found(as_predicted):
        larger = without if (hypothesis.name in FURTHER) != as_predicted else with_skip
        return judged(hypothesis, lambda arm, depth: 1.0 + (arm == larger), arms, model, norm)

    decision, condition = found(True)
    assert decision == "supported" and condition.arms == (without, with_skip)
    assert found(False)[0] == "contradicted"


@pytest.mark.parametrize("hypothesis", [*DEPTH_CLAIMS, *PAIRED], ids=named)
def test_a_study_without_the_arms_says_that_it_has_not_asked(hypothesis):
    old = [design(m, ("plain", "learnable"), "batch") for m in ("mlp", "vit")]
    assert untested(hypothesis, old)
    claim = C[hypothesis.name[:-1]]
    verdicts = decide([claim], [], old)
    assert all(not verdict.findings and verdict.decision == "undecided" for verdict in verdicts)


def test_every_arm_that_stands_in_for_a_skip_is_asked_against_one():
    asked = {pair[0] for pair in H["C22a"].arms}
    mlps = [arm for arm in ARMS.values() if not arm.models or "mlp" in arm.models]
    assert asked == {arm.name for arm in mlps if arm.skip == "none"} - {"plain"}
    for hypothesis in C["C22"].hypotheses:
        assert hypothesis.arms == H["C22a"].arms

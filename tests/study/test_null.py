"""Twins that are drawn from one law: how often does a whole study say something that is not so?"""

import numpy as np
import pytest
from scipy import stats

from lsgeo.study import Claim, Design, Hypothesis, Smallest, decide
from lsgeo.study.contrasts.paired import LogRatio

NUM_STUDIES = 200
NAMES = tuple(f"x{i}" for i in range(18))
READINGS = ("matched", "init")
ARMS = (("plain", "residual"), ("plain", "scaled"))
SEEDS = 5
CLAIMS = [
    Claim(
        f"T{i}",
        "",
        "",
        (
            Hypothesis(
                name, "", LogRatio(name), "", "", "", READINGS, ARMS, Smallest(0.1, "planted")
            ),
        ),
        "",
        "",
    )
    for i, name in enumerate(NAMES)
]
DESIGN = Design("MLP", "mlp", "none", (4,), ("plain", "residual", "scaled"), frozenset(NAMES))
# The logarithm of a metric of one network. Twins differ by two draws of the same law.
LAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy tails": lambda rng, shape: rng.standard_t(2, shape),
    "skewed": lambda rng, shape: rng.lognormal(0, 1, shape),
}
# A true rate of 5 % goes beyond this in one of 1000 runs of the test.
MOST = stats.binom.isf(1e-3, NUM_STUDIES, 0.05)


def study_of(logs):
    """Verdicts of logs [arm, reading, seed, column]."""
    rows = [
        {"family": "MLP", "norm": "none", "depth": 4, "reading": reading, "arm": arm, "seed": seed}
        | dict(zip(NAMES, np.exp(logs[i, j, seed]).tolist(), strict=True))
        for i, arm in enumerate(DESIGN.arms)
        for j, reading in enumerate(READINGS)
        for seed in range(SEEDS)
    ]
    return decide(CLAIMS, rows, [DESIGN], num_resamples=199)


@pytest.mark.parametrize("law", LAWS)
def test_a_study_of_equal_twins_says_something_else_in_no_more_than_one_of_twenty(law):
    rng = np.random.default_rng(0)
    # Some columns scatter far beyond the threshold of 0.1, some so little that "no difference" is found.
    scales = np.geomspace(0.02, 2, len(NAMES))
    wrong = no_difference = 0
    for _ in range(NUM_STUDIES):
        draws = LAWS[law](rng, (len(DESIGN.arms), len(READINGS), SEEDS, len(NAMES)))
        verdicts = study_of(scales * draws)
        wrong += any(
            v.decision in ("supported", "depends on protocol")
            or v.primary.decision == "contradicted"
            for v in verdicts
        )
        no_difference += sum(v.decision == "contradicted" for v in verdicts)
    assert wrong <= MOST
    # It is not silent: what is known to be equal is found to be.
    assert no_difference > wrong


def test_conditions_at_the_threshold_do_not_split_from_those_far_below_in_more_than_one_of_twenty():
    # Half of the findings contradict for sure; the others are as often over the threshold as under it.
    rng = np.random.default_rng(1)
    effect = np.zeros((3, 2, 1, 1))
    effect[0, 0] = -1.0
    effect[0, 1] = 0.1
    wrong = stray = 0
    for _ in range(NUM_STUDIES):
        noise = 0.05 * rng.standard_normal((3, 2, SEEDS, len(NAMES)))
        verdicts = study_of(effect + noise)
        wrong += any(v.decision == "depends on protocol" for v in verdicts)
        stray += any(f.decision == "supported" for v in verdicts for f in v.findings)
    assert wrong <= MOST
    # Of single findings this many studies have one above the threshold: they alone must not decide.
    assert stray > 3 * MOST

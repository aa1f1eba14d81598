"""The study: twins, claims about skip connections, their statistics and verdicts."""

from lsgeo.study.claims import CLAIMS, Claim, Hypothesis, Published
from lsgeo.study.contracts import Contract, contract
from lsgeo.study.contrasts import Condition, Contrast, Row, Sample
from lsgeo.study.correlations import RankCorrelation
from lsgeo.study.interactions import Anova, Interaction, Term, anova
from lsgeo.study.linear_classifiers import LinearClassifier, fit_linear, label_signal
from lsgeo.study.metrics import METRICS, READINGS, Metric, Subject
from lsgeo.study.protocols import splitting_factors
from lsgeo.study.races import Race, StableRate, check_rates, constant_loss, narrow_stable_rate, race
from lsgeo.study.speeds import Speed, SpeedUp, best_speed, speed_up
from lsgeo.study.statistics import Effect, effect, holm, seeds_needed, simes
from lsgeo.study.traps import dead_layer, linear_minimum, zero_point
from lsgeo.study.twins import ARMS, Arm, Start, Twins, arm_of, parse_arms
from lsgeo.study.verdicts import (
    DECISIONS,
    VERDICTS,
    Design,
    Finding,
    Verdict,
    conditions,
    decide,
)

__all__ = [
    "ARMS",
    "CLAIMS",
    "DECISIONS",
    "METRICS",
    "READINGS",
    "VERDICTS",
    "Anova",
    "Arm",
    "Claim",
    "Condition",
    "Contract",
    "Contrast",
    "Design",
    "Effect",
    "Finding",
    "Hypothesis",
    "Interaction",
    "LinearClassifier",
    "Metric",
    "Published",
    "Race",
    "RankCorrelation",
    "Row",
    "Sample",
    "Speed",
    "SpeedUp",
    "StableRate",
    "Start",
    "Subject",
    "Term",
    "Twins",
    "Verdict",
    "anova",
    "arm_of",
    "best_speed",
    "check_rates",
    "conditions",
    "constant_loss",
    "contract",
    "dead_layer",
    "decide",
    "effect",
    "fit_linear",
    "holm",
    "label_signal",
    "linear_minimum",
    "narrow_stable_rate",
    "parse_arms",
    "race",
    "seeds_needed",
    "simes",
    "speed_up",
    "splitting_factors",
    "zero_point",
]

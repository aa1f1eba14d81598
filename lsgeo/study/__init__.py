"""The study: twins, claims about skip connections, their measures, statistics and verdicts."""

from lsgeo.study import contrasts
from lsgeo.study.arms import ARMS, Arm, arm_of, parse_arms
from lsgeo.study.claims import CLAIMS, Claim, Hypothesis, Published
from lsgeo.study.contracts import Contract, contract
from lsgeo.study.contrasts import *
from lsgeo.study.decisions.needed import SeedsNeeded, seeds_needed
from lsgeo.study.decisions.pooled import Pooled, pool
from lsgeo.study.decisions.protocols import splitting_factors
from lsgeo.study.decisions.ranks import rank_effect
from lsgeo.study.decisions.records import DECISIONS, VERDICTS, Design, Finding, Verdict
from lsgeo.study.decisions.statistics import Effect, effect, holm, simes
from lsgeo.study.decisions.verdicts import conditions, decide, untested
from lsgeo.study.measures import (
    MEASURES,
    METRICS,
    READINGS,
    Column,
    Measure,
    Smallest,
    Subject,
    column,
)
from lsgeo.study.races.races import (
    Race,
    StableRate,
    check_rates,
    constant_loss,
    narrow_stable_rate,
    race,
)
from lsgeo.study.races.speeds import Speed, SpeedUp, best_speed, speed_up
from lsgeo.study.races.sweeps import Sweep, towards_zero
from lsgeo.study.traps.linear_classifiers import LinearClassifier, fit_linear, label_signal
from lsgeo.study.traps.traps import dead_layer, linear_minimum, zero_point
from lsgeo.study.twins import Start, Twins

__all__ = [
    *contrasts.__all__,
    "ARMS",
    "CLAIMS",
    "DECISIONS",
    "MEASURES",
    "METRICS",
    "READINGS",
    "VERDICTS",
    "Arm",
    "Claim",
    "Column",
    "Contract",
    "Design",
    "Effect",
    "Finding",
    "Hypothesis",
    "LinearClassifier",
    "Measure",
    "Pooled",
    "Published",
    "Race",
    "Speed",
    "SpeedUp",
    "SeedsNeeded",
    "Smallest",
    "StableRate",
    "Start",
    "Subject",
    "Sweep",
    "Twins",
    "Verdict",
    "arm_of",
    "best_speed",
    "check_rates",
    "column",
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
    "pool",
    "race",
    "rank_effect",
    "seeds_needed",
    "simes",
    "speed_up",
    "splitting_factors",
    "towards_zero",
    "untested",
    "zero_point",
]

"""The study: twins, claims about skip connections, their statistics and verdicts."""

from lsgeo.study.claims import CLAIMS, Claim
from lsgeo.study.contracts import Contract, contract
from lsgeo.study.linear_classifiers import LinearClassifier, fit_linear, label_signal
from lsgeo.study.races import Race, StableRate, check_rates, constant_loss, narrow_stable_rate, race
from lsgeo.study.speeds import Speed, SpeedUp, best_speed, speed_up
from lsgeo.study.statistics import PairedEffect, paired_effect
from lsgeo.study.traps import dead_layer, linear_minimum, zero_point
from lsgeo.study.twins import ARMS, Arm, Start, Twins, arm_of, parse_arms
from lsgeo.study.verdicts import Verdict, decide

__all__ = [
    "ARMS",
    "CLAIMS",
    "Arm",
    "Claim",
    "Contract",
    "LinearClassifier",
    "PairedEffect",
    "Race",
    "Speed",
    "SpeedUp",
    "StableRate",
    "Start",
    "Twins",
    "Verdict",
    "arm_of",
    "best_speed",
    "check_rates",
    "constant_loss",
    "contract",
    "dead_layer",
    "decide",
    "fit_linear",
    "label_signal",
    "linear_minimum",
    "narrow_stable_rate",
    "paired_effect",
    "parse_arms",
    "race",
    "speed_up",
    "zero_point",
]

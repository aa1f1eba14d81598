"""The study: twins, claims about skip connections, their statistics and verdicts."""

from lsgeo.study.claims import CLAIMS, Claim
from lsgeo.study.contracts import Contract, contract
from lsgeo.study.statistics import PairedEffect, paired_effect
from lsgeo.study.twins import ARMS, Arm, Start, Twins, arm_of, parse_arms
from lsgeo.study.verdicts import Verdict, decide

__all__ = [
    "ARMS",
    "CLAIMS",
    "Arm",
    "Claim",
    "Contract",
    "PairedEffect",
    "Start",
    "Twins",
    "Verdict",
    "arm_of",
    "contract",
    "decide",
    "paired_effect",
    "parse_arms",
]

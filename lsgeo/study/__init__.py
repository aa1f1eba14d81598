"""The study: claims about skip connections, their statistics and verdicts."""

from lsgeo.study.claims import CLAIMS, Claim
from lsgeo.study.statistics import PairedEffect, paired_effect
from lsgeo.study.verdicts import Verdict, decide

__all__ = ["CLAIMS", "Claim", "PairedEffect", "Verdict", "decide", "paired_effect"]

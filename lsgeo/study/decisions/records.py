"""What is decided: findings, verdicts, and the designs that they depend on."""

import dataclasses
import functools
import math

from lsgeo.study.claims.records import Claim, Hypothesis
from lsgeo.study.contrasts.paired import Condition
from lsgeo.study.contrasts.samples import Sample, largest
from lsgeo.study.decisions.needed import SeedsNeeded
from lsgeo.study.decisions.pooled import Pooled, pool
from lsgeo.study.decisions.statistics import Effect

DECISIONS = ("supported", "contradicted", "no difference", "bound", "no room", "undecided")
VERDICTS = (
    "supported",
    "contradicted",
    "depends on protocol",
    "bound",
    "no room",
    "undecided",
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One hypothesis under one condition.

    Attributes:
      condition: where.
      sample: one number for each pair of twins.
      effect: their mean, interval and probabilities.
      adjusted_p: `Effect.p_value`, Holm's: the primary finding over the first hypotheses of all claims, or over
        the others of its claim; all other findings over the hypothesis.
      decision: of `DECISIONS`.
      no_room: "tie", "floor" or "ceiling" where that leaves nothing to see, else "".
      held: whether it is about a curvature that the optimiser's limit may hold, decided or not.
    """

    condition: Condition
    sample: Sample
    effect: Effect
    adjusted_p: float
    decision: str
    no_room: str = ""
    held: bool = False

    @property
    def limit_share(self) -> float:
        """Largest share of the optimiser's stability limit over its networks; NaN where there is none."""
        return self.sample.limit_share


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One hypothesis, and what a study says of it.

    Attributes:
      claim: that it belongs to.
      hypothesis: itself.
      findings: the primary one first, also where it has no number; () where the study has no condition for it.
      decision: of `VERDICTS`.
      seeds_needed: seeds in all after which the primary finding should be decided, with their range; None where
        that cannot be told, or is not needed.
      split_p: that some conditions support it and others speak against it, adjusted over the hypotheses; 1
        where there is one condition.
    """

    claim: Claim
    hypothesis: Hypothesis
    findings: tuple[Finding, ...]
    decision: str
    seeds_needed: SeedsNeeded | None
    split_p: float = 1.0

    @property
    def primary(self) -> Finding | None:
        """The finding that decides."""
        return self.findings[0] if self.findings else None

    @property
    def limit_share(self) -> float:
        """Largest share of the optimiser's limit over all networks; NaN where there is none."""
        return largest([finding.limit_share for finding in self.findings])

    @functools.cached_property
    def pooled(self) -> Pooled | None:
        """All findings that have room, and that no limit holds, in one model; None without a number."""
        usable = [f for f in self.findings if not (f.no_room or f.held)]
        return pool([(f.condition, f.sample) for f in usable])

    @property
    def median(self) -> Finding | None:
        """The finding in the middle of all that have a number, by their effects; of two the smaller."""
        numbers = [f for f in self.findings if not math.isnan(f.effect.value)]
        numbers.sort(key=lambda finding: finding.effect.value)
        return numbers[(len(numbers) - 1) // 2] if numbers else None

    @property
    def decides_claim(self) -> bool:
        """Whether the hypothesis is the claim's primary one."""
        return self.hypothesis is self.claim.hypotheses[0]


@dataclasses.dataclass(frozen=True)
class Design:
    """One family of a study and normalisation, as far as verdicts depend on it.

    Attributes:
      family: its name in the rows.
      model: family of models.
      norm: normalisation.
      depths: ascending.
      arms: names of `ARMS`.
      columns: that are measured in it.
    """

    family: str
    model: str
    norm: str
    depths: tuple[int, ...]
    arms: tuple[str, ...]
    columns: frozenset[str]

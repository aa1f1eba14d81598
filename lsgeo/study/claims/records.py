"""What a claim is: its words, its hypotheses, what would refute it, and what is published.

A new claim is a new record in this folder and, where no measure fills its columns yet, one in
`lsgeo.study.measures`.
"""

import dataclasses
from collections.abc import Collection

from lsgeo.study.contrasts import Contrast
from lsgeo.study.measures import Smallest, column

RESIDUAL = (("plain", "residual"),)
OWN_BAR = Smallest(0.0, "the bar stands in the contrast itself")
BOTH_SCALES = (("plain", "residual"), ("plain", "scaled"))
# Of the networks that decide on curvature at a trained point: deeper ones without skips come to the optimiser's
# limit, which then is what one measures.
SAFE_DEPTH = 4
# A network without skips that starts close to the identity tells the skip from where it puts the start.
ALL_SKIPS = (*BOTH_SCALES, ("identity-biased", "residual"))


@dataclasses.dataclass(frozen=True)
class Published:
    """A number from the literature that a hypothesis is laid beside.

    Attributes:
      text: the number, with the networks and data that it belongs to.
      source: authors and year.
      sign: what it says of the hypothesis: 1 for it, -1 against it, 0 where it cannot be compared.
    """

    text: str
    source: str
    sign: int = 0


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One testable statement.

    Attributes:
      name: identifier, "C2a": the claim's and a letter.
      statement: in one line.
      contrast: turns the rows of twins into one number for each seed, positive where the statement holds,
        or with `two_sided` of either sign.
      metric_name: the metric in words.
      unit: of the metric.
      readings: where it is read, the first one decides: "init", "matched", "end"; ("",) for the run as a whole.
      arms: pairs (without, with), the first one decides.
      threshold: smallest effect that counts here; None is the metric's own, see `judge`.
      depth: of the primary condition: the largest of the study that is no larger, or its smallest; 0 is its
        largest.
      two_sided: whether it predicts an effect of either sign, "there is an interplay".
      falsifier: what would refute it, in words.
      models: families of models that it is about; () is all.
      norms: normalisations that it is about; () is all.
      published: numbers from the literature.
    """

    name: str
    statement: str
    contrast: Contrast
    metric_name: str
    falsifier: str
    unit: str = ""
    readings: tuple[str, ...] = ("matched",)
    arms: tuple[tuple[str, str], ...] = RESIDUAL
    threshold: Smallest | None = None
    depth: int = 0
    two_sided: bool = False
    models: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    def __post_init__(self):
        """Refuses a smallest effect that nobody gives a reason for."""
        if not isinstance(self.threshold, Smallest | None):
            raise ValueError(
                f"`threshold` of {self.name} must be a Smallest(value, reason), or None for the metric's own; "
                f"got {self.threshold!r}."
            )

    @property
    def smallest(self) -> float:
        """The smallest effect that counts, in the contrast's unit; see `judge`."""
        return self.judge.value

    @property
    def reason(self) -> str:
        """Why no smaller effect counts; see `judge`."""
        return self.judge.reason

    @property
    def judge(self) -> Smallest:
        """Its own smallest effect that counts or the metric's, in the contrast's unit; fixed before a run.

        Raises:
          ValueError: if it has none of its own, and its contrast is judged by no column or by one without one,
            or one of the other kind, ratio or difference.
        """
        metric = column(self.contrast.judged) if self.contrast.judged else None
        found = self.threshold or (metric and metric.smallest)
        if found is None:
            raise ValueError(
                f"`threshold` of {self.name} is None, and {self.contrast.judged or 'its contrast'!r} has no "
                "smallest effect of its own. Give the column one in its measure, or the hypothesis "
                "Smallest(value, reason)."
            )
        if found is not self.threshold and found.ratio != self.contrast.is_ratio:
            kinds = ("differences", "log ratios")
            raise ValueError(
                f"`threshold` of {self.name} is None, and that of {self.contrast.judged!r} is one for "
                f"{kinds[found.ratio]}: {self.contrast!r} needs one for {kinds[not found.ratio]}. Give the "
                "hypothesis Smallest(value, reason)."
            )
        return found

    def covers(self, model: str, norm: str) -> bool:
        """Whether it is about networks of this family and normalisation."""
        return (not self.models or model in self.models) and (not self.norms or norm in self.norms)

    def pairs(self, arms: Collection[str]) -> list[tuple[str, str]]:
        """Its pairs of arms that a family with `arms` has; none where the contrast needs an arm beside."""
        if not set(self.contrast.arms) <= set(arms):
            return []
        return [pair for pair in self.arms if set(pair) <= set(arms)]


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim about skip connections.

    Attributes:
      name: "C1", "C2" and so on.
      title: two or three words.
      statement: the claim in one line.
      hypotheses: the first one is the primary: it decides the claim.
      protocol: how it is tested, in a sentence or two.
      contested: what the literature says against it.
      quote: the words of popular essays, where there are any.
      changed: what was wrong with an earlier form of the claim -> what is asked now; it stands beside the
        verdict. "" where nothing was.
    """

    name: str
    title: str
    statement: str
    hypotheses: tuple[Hypothesis, ...]
    protocol: str
    contested: str
    quote: str = ""
    changed: str = ""

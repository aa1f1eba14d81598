"""What a law is: its question, its statement, how it is read off the rows of a study, and what comes of it.

A law is about a whole curve, such as sharpness over depth, where a claim is about one pair of arms at a
time. A new law is a new record in this folder, and its name in the `__init__.py` there.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from lsgeo.study.contrasts import Row
from lsgeo.study.decisions.verdicts import Design

HOLDS, WITHIN, FAILS, UNMEASURED = VERDICTS = (
    "holds",
    "holds within limits",
    "fails",
    "not measured",
)
YES, NO, OPEN = ("yes", "no", "open")


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A slope, such as p of metric ~ depth^p, over the pairs of a study.

    Attributes:
      value: mean over the pairs; NaN where there is none.
      lower: end of its interval; minus infinity where only the other end is known.
      upper: the other end; infinity likewise.
      num_pairs: (seed, split) that have a slope of their own.
      side: where the true one lies: 1 for at least, -1 for at most, 0 for a number with two ends.
    """

    value: float
    lower: float
    upper: float
    num_pairs: int
    side: int = 0

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "no exponent"
        least = {1: "at least ", -1: "at most ", 0: ""}[self.side]
        ends = {
            1: f"from {self.lower:.2f}",
            -1: f"to {self.upper:.2f}",
            0: f"{self.lower:.2f} to {self.upper:.2f}",
        }
        return f"{least}{self.value:.2f} ({ends[self.side]})"


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line of a law's figure: a metric over x, mean over pairs.

    Attributes:
      label: of the line, such as that of its arm.
      arm: name of `lsgeo.study.ARMS`.
      family: name of a family of the study.
      norm: normalisation.
      x: ascending for a curve over depth or a threshold.
      value: one for each x, in the unit of the law's y axis; NaN where too few pairs have a number.
      lower: of the intervals; -inf or NaN where there is none.
      upper: likewise.
      bound: whether a point is only a bound.
      predicted: what theory says at each x, without a free parameter; None where it says nothing.
      exponent: of value ~ x^exponent; None where the law asks for none, or there are too few x.
      sides: where the true value of a bound lies: 1 above, -1 below, 0 for a number; () is above for each
        bound.
      panel: title of the panel of the law's figure that the line belongs to.
    """

    label: str
    arm: str
    family: str
    norm: str
    x: tuple[float, ...]
    value: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    bound: tuple[bool, ...]
    predicted: tuple[float, ...] | None = None
    exponent: Fitted | None = None
    sides: tuple[int, ...] = ()
    panel: str = ""

    def __post_init__(self):
        """Refuses points that lack one of their numbers."""
        object.__setattr__(self, "sides", self.sides or tuple(int(one) for one in self.bound))
        fields = ("x", "value", "lower", "upper", "bound", "sides")
        counts = {name: len(getattr(self, name)) for name in fields}
        counts |= {} if self.predicted is None else {"predicted": len(self.predicted)}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f"`x` and what belongs to it must have one length; got {counts}. Use NaN where there is no "
                "number."
            )


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that a law says, under one condition.

    Attributes:
      text: what was asked, and the number.
      answer: "yes", "no", or "open" where there are too few numbers, or their interval is too wide.
      is_bound: whether the number is only a bound.
    """

    text: str
    answer: str
    is_bound: bool = False


@dataclasses.dataclass(frozen=True)
class LawResult:
    """What a study says of a law.

    Attributes:
      law: itself.
      curves: of its figure.
      verdict: of `VERDICTS`; "not measured" also where the intervals are too wide to tell.
      sentence: in plain words, with the number.
      stops: where it stops holding, or is not known to hold, in plain words; "" where it is nowhere seen to
        stop.
      checks: what the verdict is made of.
    """

    law: "Law"
    curves: tuple[Curve, ...]
    verdict: str
    sentence: str
    stops: str
    checks: tuple[Check, ...] = ()


@dataclasses.dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
      name: "L1", "L2" and so on.
      title: two or three words.
      question: that a reader has.
      statement: the law, in one line.
      limits: what it is about and what not, whatever a study finds.
      x: label of the figure's x axis, with its unit.
      y: likewise of its y axis.
      log_x: whether the x axis is logarithmic.
      log_y: whether the y axis is.
      columns: of the rows that it reads.
      measure: `measure(law, rows, designs)` -> LawResult.
      arms: whose columns it reads; () is all.
    """

    name: str
    title: str
    question: str
    statement: str
    limits: str
    x: str
    y: str
    columns: tuple[str, ...]
    measure: Callable[["Law", Sequence[Row], Sequence[Design]], LawResult]
    log_x: bool = True
    log_y: bool = True
    arms: tuple[str, ...] = ()


def unmeasured(law: Law, why: str, curves: Sequence[Curve] = ()) -> LawResult:
    """The result of a law that a study has no numbers for."""
    return LawResult(law, tuple(curves), UNMEASURED, f"Not measured: {why}.", "", ())

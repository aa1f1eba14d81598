"""What a report says, as plain data that is checked where it comes in."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

VERDICTS = ("supported", "contradicted", "undecided")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class VerdictRow:
    """One claim, measured in one family of networks.

    The effect is the natural log of the ratio of the metric without skips to the metric with them,
    at the same training loss: 0 is no difference, log(2) is twice as much without. NaN means that
    there is no estimate.

    Attributes:
      claim: short identifier, such as "C3".
      statement: the claim in one line.
      family: family of networks, such as "MLP" or "ResNet".
      metric: name of the metric that decides.
      effect: log-ratio.
      lower: lower end of its interval; may be -inf or NaN.
      upper: upper end of its interval; may be inf or NaN.
      num_seeds: number of pairs of networks behind the effect.
      threshold: log-ratio that the whole interval had to pass, set before the run.
      verdict: "supported", "contradicted" or "undecided".
      note: what a reader must know beside it: agreement of the seeds, networks that are missing.
    """

    claim: str
    statement: str
    family: str
    metric: str
    effect: float
    lower: float
    upper: float
    num_seeds: int
    threshold: float
    verdict: str
    note: str = ""

    def __post_init__(self):
        """Refuses a verdict without a name, and an interval that leaves out its effect."""
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"`verdict` of {self.claim} must be one of {', '.join(VERDICTS)}; got "
                f"{self.verdict!r}."
            )
        if self.lower > self.effect or self.upper < self.effect or self.lower > self.upper:
            raise ValueError(
                f"`lower` and `upper` of {self.claim} must enclose `effect`; got {self.effect} in "
                f"[{self.lower}, {self.upper}]."
            )
        if math.isnan(self.effect) and self.verdict != "undecided":
            raise ValueError(
                f"`verdict` of {self.claim} must be undecided where there is no effect; got "
                f"{self.verdict!r}."
            )


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture with the words that belong to it.

    Attributes:
      title: what the picture shows, a few words.
      caption: how to read it, for someone who has not seen the code.
      image: an SVG element as text, as from `lsgeo.plotting.to_svg`, or the bytes of a PNG.
      alt: what a reader who cannot see the picture should know.
    """

    title: str
    caption: str
    image: str | bytes
    alt: str

    def __post_init__(self):
        """Refuses an image that is neither, and one without a description."""
        is_svg = isinstance(self.image, str) and self.image.lstrip().startswith("<svg")
        is_png = isinstance(self.image, bytes) and self.image.startswith(_PNG)
        if not (is_svg or is_png):
            raise ValueError(
                f"`image` of the figure {self.title!r} must be an <svg> element as text or the bytes "
                f"of a PNG; got {self.image[:20]!r}."
            )
        if not self.alt.strip():
            raise ValueError(f"`alt` of the figure {self.title!r} must describe it; got nothing.")


@dataclasses.dataclass(frozen=True)
class ReportContent:
    """Everything that the page shows, in the order in which it shows it.

    Attributes:
      title: the question.
      headline: the answer, one sentence per entry.
      verdicts: one row per claim and family.
      figures: figures.
      failures: one sentence per network, or group of them, that failed to train.
      provenance: names and values of versions, devices, data, seeds.
      command: shell command that makes the page again.
    """

    title: str
    headline: Sequence[str]
    verdicts: Sequence[VerdictRow]
    figures: Sequence[Figure] = ()
    failures: Sequence[str] = ()
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    command: str = ""

    def __post_init__(self):
        """Refuses a headline that would be shown letter by letter, and a page without an answer."""
        for name in ("headline", "failures"):
            if isinstance(getattr(self, name), str):
                raise ValueError(
                    f"`{name}` must be a list of sentences; got one string. Wrap it in []."
                )
        if not self.headline:
            raise ValueError("`headline` must hold at least one sentence; got none.")

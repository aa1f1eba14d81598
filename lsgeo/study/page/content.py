"""What a report says, as plain data that is checked where it comes in."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lsgeo import study
from lsgeo.study.essay.records import Judgement
from lsgeo.study.page import words
from lsgeo.study.page.explorer import Explorer
from lsgeo.study.page.landscapes import Twins

_PNG = b"\x89PNG\r\n\x1a\n"


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
class LawSection:
    """One law and what a study says of it.

    Attributes:
      result: its `lsgeo.study.laws.LawResult`.
      wide: its figure; None where it has no curve.
      narrow: the same for a phone.
    """

    result: Any
    wide: Figure | None = None
    narrow: Figure | None = None

    def __post_init__(self):
        """Refuses an unknown verdict, and a law that says nothing."""
        name = self.result.law.name
        if self.result.verdict not in words.LAW_SHAPES:
            raise ValueError(
                f"`verdict` of {name} must be one of {', '.join(words.LAW_SHAPES)}; got "
                f"{self.result.verdict!r}."
            )
        if not self.result.sentence.strip():
            raise ValueError(f"`sentence` of {name} must say what was found; got nothing.")


@dataclasses.dataclass(frozen=True)
class ClaimSection:
    """One claim and all that a study says of it.

    Attributes:
      verdicts: of its hypotheses, the primary one first.
      command: shell command that measures this claim again.
      files: paths of its runs and results, relative to the page.
      notes: what must be known beside the verdicts, one sentence per entry.
    """

    verdicts: Sequence[study.Verdict]
    command: str = ""
    files: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __post_init__(self):
        """Refuses verdicts of several claims, unknown ones and those that their findings deny."""
        _refuse_text(self, "files", "notes")
        if not self.verdicts:
            raise ValueError("`verdicts` of a claim must hold at least one; got none.")
        for verdict in self.verdicts:
            _check(verdict, self.claim)

    @property
    def claim(self) -> study.Claim:
        """The claim."""
        return self.verdicts[0].claim


@dataclasses.dataclass(frozen=True)
class ReportContent:
    """Everything that the page shows, in the order in which it shows it.

    Attributes:
      title: the question.
      answer: the verdicts in one paragraph, as `lsgeo.study.page.answer` makes it.
      claims: claims with their verdicts.
      laws: laws with what was found, the answer in as many sentences.
      twins: landscapes that can be turned, the first of them are shown first.
      picture: of the first twins, for print and where no script runs.
      essay: what becomes of the essay's sentences.
      changed: what was wrong with an earlier form of a claim, by claim.
      forest: effects of all hypotheses in one figure.
      explorer: networks that can be laid side by side.
      figures: pictures of single networks, which need no script.
      failures: one sentence per network, or group of them, that failed to train.
      unmeasured: hypotheses that were not measured, with the reason.
      problems: one sentence per run that is damaged or missing.
      provenance: names and values of versions, devices, data, seeds, time and disk.
      command: shell command that makes the page again.
    """

    title: str
    answer: str
    claims: Sequence[ClaimSection]
    laws: Sequence[LawSection] = ()
    twins: Sequence[Twins] = ()
    picture: Figure | None = None
    essay: Sequence[Judgement] = ()
    changed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    forest: Figure | None = None
    explorer: Explorer | None = None
    figures: Sequence[Figure] = ()
    failures: Sequence[str] = ()
    unmeasured: Mapping[str, str] = dataclasses.field(default_factory=dict)
    problems: Sequence[str] = ()
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    command: str = ""

    def __post_init__(self):
        """Refuses lists that would be shown letter by letter, and a page without an answer."""
        _refuse_text(self, "failures", "problems")
        if not self.answer.strip():
            raise ValueError("`answer` must hold at least one sentence; got none.")
        names = [section.claim.name for section in self.claims]
        if len(set(names)) < len(names):
            raise ValueError(
                f"`claims` must name each claim once; got {', '.join(names)}. Put all verdicts of a "
                "claim into one section."
            )


def _refuse_text(content, *names):
    for name in names:
        if isinstance(getattr(content, name), str):
            raise ValueError(
                f"`{name}` must be a list of sentences; got one string. Wrap it in []."
            )


def _check(verdict, claim):
    name = verdict.hypothesis.name
    if verdict.claim != claim:
        raise ValueError(
            f"`verdicts` of a section must be of one claim; got {claim.name} and {verdict.claim.name}."
        )
    if verdict.decision not in study.VERDICTS:
        raise ValueError(
            f"`decision` of {name} must be one of {', '.join(study.VERDICTS)}; got {verdict.decision!r}."
        )
    if not verdict.findings and verdict.decision != "undecided":
        raise ValueError(
            f"`decision` of {name} must be undecided where there is no finding; got {verdict.decision!r}."
        )
    for finding in verdict.findings:
        if finding.decision not in study.DECISIONS:
            raise ValueError(
                f"`decision` of a finding of {name} must be one of {', '.join(study.DECISIONS)}; got "
                f"{finding.decision!r}."
            )
        effect = finding.effect
        if effect.lower > effect.value or effect.upper < effect.value:
            raise ValueError(
                f"`effect` of a finding of {name} must lie in its interval; got {effect.value} in "
                f"[{effect.lower}, {effect.upper}]."
            )

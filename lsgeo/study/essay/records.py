"""What a sentence of the essay is: its words, and what of a study speaks for it, against it, or limits it."""

import dataclasses

ANSWERS = ("true", "only if", "false", "open")


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing in a study that a sentence stands or falls with.

    Attributes:
      name: of a hypothesis, "C5a", or of a law, "L3".
      when: the condition that it speaks about, so that it can follow "only if" and "not if".
    """

    name: str
    when: str = ""


@dataclasses.dataclass(frozen=True)
class Sentence:
    """One testable sentence of the essay.

    Attributes:
      name: identifier, "E1".
      quote: its words.
      meaning: what it says of networks, in one line that can be measured.
      hypotheses: what speaks for it where it is supported, and against it where it is denied; the first one is
        the sentence itself, the others ask it again under other conditions.
      laws: what limits it where they hold: their `when` is a condition without which it does not hold.
      figure: law whose figure shows it; "" is the section of its claim.
    """

    name: str
    quote: str
    meaning: str
    hypotheses: tuple[Part, ...]
    laws: tuple[Part, ...] = ()
    figure: str = ""

    def __post_init__(self):
        """Refuses a sentence that nothing tests, and conditions that could not be told apart."""
        if not self.hypotheses:
            raise ValueError(f"`hypotheses` of {self.name} must hold at least one; got none.")
        several = self.hypotheses if len(self.hypotheses) > 1 else ()
        for part in (*several, *self.laws):
            if not part.when:
                raise ValueError(
                    f"`when` of {part.name} in {self.name} must say what it speaks about; got nothing."
                )

    @property
    def claim(self) -> str:
        """Name of the claim that its first hypothesis belongs to."""
        return self.hypotheses[0].name.rstrip("abcdefghijklmnopqrstuvwxyz")


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What comes of a sentence.

    Attributes:
      sentence: itself.
      answer: of `ANSWERS`.
      words: the condition of an "only if", the reason of an "open", what qualifies the others; may be "".
      number: effect with its interval; "" where there is none.
      where: the condition of that number.
      link: name of the claim or law whose figure shows it.
    """

    sentence: Sentence
    answer: str
    words: str
    number: str
    where: str
    link: str

    @property
    def rest(self) -> str:
        """What follows the answer: "only if" goes on with its condition, the others set theirs apart."""
        apart = {"only if": " ", "open": ": "}.get(self.answer, "; ")
        return f"{apart}{self.words}" if self.words else ""

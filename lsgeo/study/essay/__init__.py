"""The popular essay's sentences, and what a study makes of each: true, only if, false or open."""

from lsgeo.study.essay.judge import judge, known
from lsgeo.study.essay.records import ANSWERS, Judgement, Part, Sentence
from lsgeo.study.essay.sentences import SENTENCES

__all__ = ["ANSWERS", "SENTENCES", "Judgement", "Part", "Sentence", "judge", "known"]

"""How far an experiment is, and what it ends with, for whoever listens."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lsgeo import runs
from lsgeo.results import DoesNotApplyError

Progress = Callable[..., None]  # progress(done, total, text)


class Steps:
    """Counts the steps of an experiment; without a listener nothing is said."""

    def __init__(self, progress: Progress | None, total: int):
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, text: str) -> None:
        """Ends a step."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total, text)

    def after(self, before: int) -> Callable[[int, str], None]:
        """A listener (done, text) of many steps, of which `before` were done."""

        def tell(done, text):
            self.done = before + done - 1
            self(text)

        return tell

    def during(self, say: Callable[..., str]) -> Progress | None:
        """Who listens to a step while it lasts: the count stays, the text is say(done, total)."""
        told, done = self.progress, self.done
        return told and (lambda *at: told(done, self.total, say(*at)))

    def within(self, text: str) -> Progress | None:
        """Who listens to the progress within a step; `text` says of what it is."""
        told = self.progress
        return told and (lambda done, total, more="": told(done, total, f"{text}: {more}"))


def or_told(compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What an instrument has found; of one that does not apply "applies", false, and why, which is a result.

    Every other error is one, and goes on.
    """
    try:
        return dict(compute())
    except DoesNotApplyError as error:
        return {"applies": False, "text": f"does not apply: {error}"}


def report(progress: Progress | None, opened: runs.Run, lines: Iterable[str]) -> None:
    """Prints the results of a run and where they lie; nothing where no one listens."""
    if progress is not None:
        print(*lines, sep="\n")
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")

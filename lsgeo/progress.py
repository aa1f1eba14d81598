"""How far a long call is: told to who asks, and shown to a person at a terminal.

A call that is `watched` counts the products that are made in it. Who passes `progress=` hears of each, as
progress(done, total, text). Else, where the standard error is a terminal or a notebook, one line appears there
after two seconds, is written over twice a second, and goes away with the call; into files and pipes nothing is
written. `show(False)` turns that off, `show(True)` on.
"""

import functools
import shutil
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

Listener = Callable[[int, int, str], Any]
Function = TypeVar("Function", bound=Callable)

PATIENCE = 2.0  # seconds without a word
EVERY = 0.5  # seconds between two lines

_current: ContextVar["_Task | None"] = ContextVar("lsgeo_task", default=None)
_shown: list[bool | None] = [None]


def show(on: bool | None) -> None:
    """Shows the line of long calls always, never, or (None) where a person looks at the standard error."""
    _shown[0] = on


def watched(function: Function) -> Function:
    """Makes a function a call whose products are counted."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        outer = _current.get()
        task = _Task(function.__name__, outer)
        token = _current.set(task)
        try:
            return function(*args, **kwargs)
        finally:
            _current.reset(token)
            if outer is None:
                task.line.clear()

    return call


def expect(total: int, listener: Listener | None = None, *, quiet: bool = False) -> None:
    """Says how many products the innermost watched call may take.

    Args:
      total: their number, at most.
      listener: called as listener(done, total, text) after each.
      quiet: whether the call tells of itself in another way.
    """
    task = _current.get()
    if task is not None:
        task.total, task.listener = total, listener
        task.quiet = task.quiet or quiet or listener is not None


def say(text: str) -> None:
    """Says what the innermost watched call has found so far, or where it is."""
    task = _current.get()
    if task is not None:
        task.text = text
        task.outermost.show(task)


def tick(count: int = 1) -> None:
    """Counts products, in all calls that are on."""
    task = innermost = _current.get()
    while task is not None:
        task.done += count
        if task.listener is not None:
            task.listener(task.done, max(task.total, task.done), task.text)
        if task.outer is None:
            task.show(innermost)
        task = task.outer


class _Task:
    """A watched call; the outermost one has the line."""

    def __init__(self, name: str, outer: "_Task | None"):
        self.name, self.outer = name, outer
        self.done = self.total = 0
        self.text, self.listener = "", None
        self.quiet = outer is not None and outer.quiet
        self.outermost = self if outer is None else outer.outermost
        if outer is None:
            self.line = _Line()

    def show(self, innermost: "_Task") -> None:
        if not innermost.quiet and not self.quiet and self.line.due():
            self.line.write(self._words(innermost))

    def _words(self, innermost):
        texts, task = [], innermost
        while task is not None:
            texts.append(task.text)
            task = task.outer
        count = f"{self.done} of {self.total}" if self.total >= self.done else f"{self.done}"
        count = f"{count} products, " if self.done or self.total else ""
        seconds = f"{time.monotonic() - self.line.start:.0f} s"
        return "; ".join([f"{self.name}: {count}{seconds}", *filter(None, texts[::-1])])


class _Line:
    """A line of the terminal that is written over."""

    def __init__(self):
        self.start = self._last = time.monotonic()
        self._width = 0

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._last < (EVERY if self._width else PATIENCE):
            return False
        self._last = now
        return _is_watched()

    def write(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = max(self._width, len(text))

    def clear(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()


def _is_watched() -> bool:
    if _shown[0] is not None or sys.stderr is None:
        return bool(_shown[0]) and sys.stderr is not None
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")

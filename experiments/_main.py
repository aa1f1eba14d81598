"""The entry point that all experiments share: flags, run, one clear sentence on an error."""

import sys
import time
from collections.abc import Callable
from typing import Any

from absl import app, flags
from ml_collections import config_flags


def launch(run: Callable[..., Any], *, config_file: str) -> None:
    """Parses --config, --config.FIELD and --workdir, then calls run(config, workdir, progress).

    A ValueError ends the program with its text on stderr and status 1, without a trace.

    Args:
      run: run(config, workdir, progress=...) of an experiment.
      config_file: default of --config.
    """
    config = config_flags.DEFINE_config_file("config", config_file, "Path of the configuration.")
    workdir = flags.DEFINE_string("workdir", None, "Directory of this run.", required=True)

    def main(argv):
        if len(argv) > 1:
            raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}")
        try:
            run(config.value, workdir.value, progress=Progress())
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(main, flags_parser=_parse_flags)


def _parse_flags(argv):
    # An unknown --config.FIELD comes up as whatever the config's type raises.
    try:
        return flags.FLAGS(argv)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


class Progress:
    """Prints progress(done, total, text) to stderr, at most once in `interval` seconds."""

    def __init__(self, interval: float = 2.0):
        self._interval, self._last = interval, -interval

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Prints one line, unless the last one is too recent."""
        now = time.monotonic()
        if now - self._last >= self._interval or done == total:
            self._last = now
            print(f"{done}/{total} {text}", file=sys.stderr, flush=True)

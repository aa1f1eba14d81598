"""The entry point that all experiments share: flags, run, one clear sentence on an error."""

import dataclasses
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags


def launch(
    run: Callable[..., Any],
    *,
    config_file: str,
    shorthands: Sequence[str] = (),
    needs_workdir: bool = True,
) -> None:
    """Parses --config, --config.FIELD and --workdir, then calls run(config, workdir, progress).

    A ValueError ends the program with its text on stderr and status 1, without a trace.

    Args:
      run: run(config, workdir, progress=...) of an experiment.
      config_file: default of --config.
      shorthands: fields of the configuration that have a flag of their own: --FIELD=VALUE.
      needs_workdir: whether --workdir must be given; else run gets None without it.
    """
    if {"--help", "-h", "-help", "--helpshort"} & set(sys.argv[1:]):
        print(_help(run, config_file, needs_workdir))
        return
    _join_words(shorthands)
    config = _or_one_sentence(
        lambda: config_flags.DEFINE_config_file("config", config_file, "Path of the configuration.")
    )
    workdir = flags.DEFINE_string("workdir", None, "Directory of this run.", required=needs_workdir)

    defaults = inspect.signature(run).parameters["config"].annotation()
    short = {name: _shorthand(name, defaults) for name in shorthands}

    def main(argv):
        if len(argv) > 1:
            raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}")
        logging.set_verbosity(logging.WARNING)
        for name, flag in short.items():
            if flag.value is not None:
                setattr(config.value, name, flag.value)
        try:
            run(config.value, workdir.value, progress=Progress())
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(main, flags_parser=_parse_flags)


def _join_words(shorthands):
    # --dry-run for the field dry_run: a flag has the field's name, people write a hyphen.
    for name in shorthands:
        spoken = f"--{name.replace('_', '-')}"
        for place, word in enumerate(sys.argv):
            if word.split("=")[0] == spoken:
                sys.argv[place] = f"--{name}{word.removeprefix(spoken)}"


def _shorthand(name, config):
    define = flags.DEFINE_bool if isinstance(getattr(config, name), bool) else flags.DEFINE_string
    return define(name, None, f"Same as --config.{name}.")


def _help(run, config_file, needs_workdir):
    config = inspect.signature(run).parameters["config"].annotation
    where = "(required); a killed run continues there" if needs_workdir else "(optional)"
    fields = [f"  --config.{name}={value!r}" for name, value in defaults(config())]
    fields += [
        f"  --config.{name}.FIELD, as --config.{first}.FIELD" for name, first in _alike(config())
    ]
    return "\n".join(
        [
            inspect.getdoc(inspect.getmodule(run)),
            f"\nFlags:\n  --workdir=DIR  directory of this run {where}",
            f"  --config=FILE  a configuration; by default {config_file}",
            "\nFields of the configuration, with the defaults of its type:",
            *fields,
            *(f"\n{inspect.getdoc(kind)}" for kind in _kinds(config())),
        ]
    )


def _kinds(config):
    # With those whose fields they have taken over; an own account of a field comes last.
    parts = [config, *(getattr(config, field.name) for field in dataclasses.fields(config))]
    found = [base for part in parts for base in reversed(type(part).__mro__)]
    return dict.fromkeys(kind for kind in found if dataclasses.is_dataclass(kind))


def defaults(config, prefix=""):
    # Of parts of one type the first; the others have the same fields.
    alike = dict(_alike(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and field.name not in alike:
            yield from defaults(value, f"{prefix}{field.name}.")
        elif not dataclasses.is_dataclass(value):
            yield f"{prefix}{field.name}", value


def _alike(config):
    first: dict[type, str] = {}
    for field in dataclasses.fields(config):
        kind = type(getattr(config, field.name))
        if dataclasses.is_dataclass(kind):
            if kind in first:
                yield field.name, first[kind]
            first.setdefault(kind, field.name)


def _parse_flags(argv):
    return _or_one_sentence(lambda: flags.FLAGS(argv))


def _or_one_sentence(parse):
    # An unknown --config.FIELD comes up as whatever the config's type raises, without --config while flags
    # are still being defined.
    try:
        return parse()
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(1)


def _sentence(error):
    # A ValueError of a configuration's get_config comes wrapped in the text of its own trace.
    text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    lines = text.rstrip().splitlines()
    wrapped = any(line.startswith("Traceback") for line in lines)
    refused = wrapped and lines[-1].startswith("ValueError: ")
    return lines[-1].removeprefix("ValueError: ") if refused else text


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

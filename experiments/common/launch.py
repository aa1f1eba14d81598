"""The entry point that all experiments share: flags, run, one clear sentence on an error."""

import dataclasses
import inspect
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags

from lsgeo import progress, provenance


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
      run: run(config, workdir, progress=...) of an experiment. One with a parameter `command` too gets what was
        said of the configuration: "python -m experiments.NAME --config=FILE --config.FIELD=VALUE ...".
      config_file: default of --config.
      shorthands: fields of the configuration that have a flag of their own: --FIELD=VALUE, as in --dry-run.
      needs_workdir: whether --workdir must be given; else run gets None without it.
    """
    # The flags of fields exist only once a configuration is read, so that absl's own help lacks them.
    if {"--help", "-h", "-help", "--helpshort"} & set(sys.argv[1:]):
        print(_help(run, config_file, needs_workdir))
        return
    config = _or_one_sentence(
        lambda: config_flags.DEFINE_config_file("config", config_file, "Path of the configuration.")
    )
    workdir = flags.DEFINE_string("workdir", None, "Directory of this run.", required=needs_workdir)
    parameters = inspect.signature(run).parameters
    short = {name: _shorthand(name, parameters["config"].annotation()) for name in shorthands}

    def main(argv):
        if len(argv) > 1:
            raise app.UsageError(f"Unexpected arguments: {' '.join(argv[1:])}")
        logging.set_verbosity(logging.WARNING)
        said = {"command": _command(run)} if "command" in parameters else {}
        for name, flag in short.items():
            if flag.value is not None:
                setattr(config.value, name, flag.value)
        progress.show(False)  # an experiment has lines of its own
        try:
            run(config.value, workdir.value, progress=Progress(), **said)
        except (ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(main, flags_parser=lambda argv: _or_one_sentence(lambda: flags.FLAGS(argv)))


def _command(run):
    flag = flags.FLAGS["config"]
    name = provenance.program() if run.__module__ == "__main__" else run.__module__
    fields = config_flags.get_override_values(flag).items()
    words = [f"--config={config_flags.get_config_filename(flag)}"]
    words += [f"--config.{field}={value}" for field, value in fields]
    return shlex.join(["python", "-m", name, *words])


def _shorthand(name, config):
    # People write a hyphen where the field has none.
    define = flags.DEFINE_bool if isinstance(getattr(config, name), bool) else flags.DEFINE_string
    spoken = name.replace("_", "-")
    flag = define(spoken, None, f"Same as --config.{name}.")
    if spoken != name:
        flags.DEFINE_alias(name, spoken)
    return flag


def _help(run, config_file, needs_workdir):
    config = inspect.signature(run).parameters["config"].annotation()
    where = "(required); a killed run continues there" if needs_workdir else "(optional)"
    return "\n".join(
        [
            inspect.getdoc(inspect.getmodule(run)),
            f"\nFlags:\n  --workdir=DIR  directory of this run {where}",
            f"  --config=FILE  a configuration; by default {config_file}",
            "\nFields of the configuration, with the defaults of its type:",
            *(f"  --config.{name}={value!r}" for name, value in defaults(config)),
            *(f"  --config.{name}.FIELD, as --config.{one}.FIELD" for name, one in _alike(config)),
            *(f"\n{inspect.getdoc(kind)}" for kind in _kinds(config)),
        ]
    )


def _kinds(config):
    # With those whose fields they have taken over; an own account of a field comes last.
    found = [base for part in _parts(config) for base in reversed(type(part).__mro__)]
    return dict.fromkeys(kind for kind in found if dataclasses.is_dataclass(kind))


def _parts(config):
    yield config
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(value := getattr(config, field.name)):
            yield from _parts(value)


def defaults(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a configuration and of its parts, with their values; of parts of one type the first's."""
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

"""A run's directory: configuration, provenance, metrics and arrays.

    run = open_run("runs/a", config)
    summary = run.stage("summary", "", lambda: {"loss": 0.1, "status": "trained"})
    summary["status"]

Files appear whole or not at all, so that a killed run continues where it stopped.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lsgeo.provenance import here

CONFIG = "config.json"
PROVENANCE = "provenance.json"
METRICS = "metrics.jsonl"
FINGERPRINT = "network_sha256"  # in the files of stages


class DamagedFileError(ValueError):
    """A file of a run cannot be read; `path` is its place."""

    def __init__(self, path: pathlib.Path, text: str):
        super().__init__(text)
        self.path = pathlib.Path(path)

    def __reduce__(self):
        """Keeps both arguments when it goes from one process to another."""
        return type(self), (self.path, str(self))


@dataclasses.dataclass(frozen=True)
class Run:
    """A directory that `open_run` has opened; `path` is its place."""

    path: pathlib.Path

    def has(self, name: str) -> bool:
        """Says whether `save` has finished for this name."""
        return self._arrays(name).exists()

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Writes arrays/NAME.npz atomically, replacing an older one.

        Args:
          name: file name without suffix.
          arrays: numbers, strings and arrays by name.

        Raises:
          ValueError: for an entry that is no array of numbers, booleans or text.
        """
        converted = {key: np.asarray(value) for key, value in arrays.items()}
        for key, value in converted.items():
            if value.dtype.kind not in "biufcU":
                raise ValueError(
                    f"`{key}` in `arrays` must be numbers or text; got dtype {value.dtype}. "
                    "Convert it with np.asarray(value, dtype)."
                )
        path = self._arrays(name)
        path.parent.mkdir(exist_ok=True)
        with _replacing(path) as file:
            np.savez(file, **converted)

    def load(self, name: str) -> dict[str, Any]:
        """Reads what `save` wrote; scalars and strings come back as Python values.

        Raises:
          ValueError: if there is no such file, or it is damaged; the text names the file.
        """
        path = self._arrays(name)
        try:
            # Opened here: np.load leaves a file that it cannot read open.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as entries:
                arrays = {key: entries[key] for key in entries.files}
        except FileNotFoundError:
            raise ValueError(
                f"There is no {path}: this stage of the run has not finished."
            ) from None
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise DamagedFileError(
                path, f"{path} is damaged ({error}). Delete it and run the same command again."
            ) from error
        return {key: value.item() if value.ndim == 0 else value for key, value in arrays.items()}

    def stage(
        self, name: str, fingerprint: str, compute: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Returns arrays/NAME.npz, which is `compute()`, with its seconds, where it is not there yet.

        Args:
          name: file name without suffix.
          fingerprint: of what is measured beside the configuration, such as the hash of a network's weights;
            "" where there is no such thing.
          compute: called as compute() at most once; gives what `save` takes.

        Raises:
          ValueError: if what is there was measured of something else, or is damaged.
        """
        if not self.has(name):
            started = time.monotonic()
            found = dict(compute())
            mark = {FINGERPRINT: fingerprint} if fingerprint else {}
            self.save(name, {"seconds": time.monotonic() - started, **found, **mark})
        return self.load_of(name, fingerprint)

    def load_of(self, name: str, fingerprint: str) -> dict[str, Any]:
        """Reads what `save` wrote of something with this fingerprint; "" takes any.

        Raises:
          ValueError: as load; if what is there was measured of something else.
        """
        stored = self.load(name)
        if fingerprint and stored.get(FINGERPRINT) != fingerprint:
            raise ValueError(
                f"`workdir` {self.path} holds {name} of other weights, or does not say of which: a network "
                "was trained anew, or the file is an earlier version's. Use another --workdir, or delete it."
            )
        return stored

    def numbered(self, name: str) -> Iterator[dict[str, Any]]:
        """Reads NAME_0, NAME_1 and so on, as far as they are there."""
        names = (f"{name}_{number}" for number in itertools.count())
        yield from map(self.load, itertools.takewhile(self.has, names))

    def log(self, record: Mapping[str, Any]) -> None:
        """Appends one record, a mapping of names to numbers or text, to metrics.jsonl."""
        path = self.path / METRICS
        line = json.dumps(dict(record)) + "\n"
        with open(path, "a+b") as file:
            _cut_unfinished_line(file)
            file.write(line.encode())

    def metrics(self) -> list[dict[str, Any]]:
        """Reads metrics.jsonl; a last line that a kill cut short is left out.

        Raises:
          ValueError: if another line is damaged; the text names the file and the line.
        """
        path = self.path / METRICS
        if not path.exists():
            return []
        *lines, unfinished = path.read_text().split("\n")
        del unfinished
        records = []
        for number, line in enumerate(lines, 1):
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise DamagedFileError(
                    path,
                    f"{path}, line {number}, is damaged ({error}). Delete the file's lines from "
                    "there on, or the run's directory, and run the same command again.",
                ) from error
        return records

    def truncate_metrics(self, step: int) -> None:
        """Drops the records of `step` and later, which a run that resumes there logs again."""
        kept = [record for record in self.metrics() if record.get("step", -1) < step]
        if (self.path / METRICS).exists():
            write_bytes(self.path / METRICS, "".join(json.dumps(r) + "\n" for r in kept).encode())

    def _arrays(self, name):
        return self.path / "arrays" / f"{name}.npz"


def open_run(
    workdir: str | os.PathLike, config: Any, *, provenance: Mapping[str, Any] | None = None
) -> Run:
    """Opens a run's directory, creating it with config.json and provenance.json.

    Args:
      workdir: the run's directory.
      config: dataclass instance, JSON-serialisable.
      provenance: further entries for provenance.json, such as the hash of the data. Provenance is
        that of the run's first start, with the hash of its configuration ("record_sha256"); a run that
        continues leaves it alone.

    Returns:
      Run.

    Raises:
      ValueError: if the directory belongs to another configuration (the text names the first field
        that differs, and both values), or its config.json is damaged.
    """
    path = pathlib.Path(workdir)
    mine = json.loads(json.dumps(dataclasses.asdict(config)))
    if (path / CONFIG).exists():
        _refuse_other(path, load_config(path), mine)
    path.mkdir(parents=True, exist_ok=True)
    if not (path / PROVENANCE).exists():
        write_json(path / PROVENANCE, {**here(mine), **(provenance or {})})
    if not (path / CONFIG).exists():
        write_json(path / CONFIG, mine)
    return Run(path)


def load_config(workdir: str | os.PathLike) -> dict[str, Any]:
    """Reads the configuration of a run as a dict of plain values.

    Raises:
      ValueError: if there is none, or it is damaged.
    """
    path = pathlib.Path(workdir) / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"`workdir` {path.parent} is no run's directory: no {CONFIG}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(
            path, f"{path} is damaged ({error}). Delete the directory, or use another --workdir."
        ) from error
    if not isinstance(config, dict):
        raise DamagedFileError(path, f"{path} is damaged (no mapping). Delete the directory.")
    return config


def load_provenance(workdir: str | os.PathLike) -> dict[str, Any]:
    """Reads where a run came from: versions, device, commit, time of the first start, arguments.

    Raises:
      ValueError: if that is not there, or damaged; the text names the file.
    """
    path = pathlib.Path(workdir) / PROVENANCE
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(
            f"`workdir` {path.parent} is no run's directory: no {PROVENANCE}."
        ) from None
    except ValueError as error:
        raise DamagedFileError(
            path, f"{path} is damaged ({error}). Delete it; the next start writes it anew."
        ) from error


def _flatten(config, prefix=""):
    fields = {}
    for name, value in config.items():
        if isinstance(value, dict):
            fields |= _flatten(value, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = value
    return fields


def _refuse_other(path, theirs, mine):
    theirs, mine = _flatten(theirs), _flatten(mine)
    for field in sorted(theirs.keys() | mine.keys()):
        old, new = (side.get(field, "(no such field)") for side in (theirs, mine))
        # As text, so that NaN equals itself and 1 differs from 1.0 and True.
        if json.dumps(old) != json.dumps(new):
            raise ValueError(
                f"`workdir` {path} belongs to another configuration: `{field}` is {old!r} there "
                f"and {new!r} here. Use another --workdir, or delete that directory."
            )


def _cut_unfinished_line(file):
    text = b"\n"
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        text = file.read(1)
    if text != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


@contextlib.contextmanager
def _replacing(path):
    # A temporary file that takes the place of `path` when the block ends without error.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file atomically: it appears whole or not at all."""
    with _replacing(pathlib.Path(path)) as file:
        file.write(data)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a JSON file atomically, keys sorted."""
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())

"""Where a result comes from: versions, device, commit, time, arguments."""

import datetime
import functools
import hashlib
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
from typing import Any

import jax

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "lsgeo")


def here(record: Any) -> dict[str, Any]:
    """Versions, device, commit, time and arguments of this process, and the hash of a record that JSON has."""
    versions = {name: _version(name) for name in _PACKAGES}
    devices = jax.devices()
    return {
        "versions": {"python": platform.python_version(), **versions},
        "device_kind": devices[0].device_kind,
        "device_count": len(devices),
        "git_commit": _commit(),
        "record_sha256": sha256_of(record),
        "git_changes": _git("status", "--porcelain") if _commit() else None,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "argv": [program(), *sys.argv[1:]],
    }


def sha256_of(record: Any) -> str:
    """The hash of a record that JSON has, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def program() -> str:
    """What this process runs: the module after `python -m`, or the name of a script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else pathlib.Path(sys.argv[0]).name


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit():
    # A package that was installed into a folder of another repository is no part of its commits.
    ours = _git("ls-files", "--error-unmatch", str(pathlib.Path(__file__)))
    return _git("rev-parse", "HEAD") if ours else None


@functools.cache
def _git(*arguments):
    command = ["git", "-C", str(pathlib.Path(__file__).parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

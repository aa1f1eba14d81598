"""How much memory is free: the one answer."""

import pathlib

import jax

_ROOT = pathlib.Path("/")
# Of control groups, version 2 and 1: the limit, the use, and the part of it that are files, which the kernel
# drops when memory runs short.
_GROUPS = {
    "sys/fs/cgroup": ("memory.max", "memory.current", "inactive_file"),
    "sys/fs/cgroup/memory": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
}


def device_free() -> int | None:
    """Bytes that are free on the default device; None where it does not say."""
    device = jax.local_devices()[0]
    if device.platform == "cpu":
        return host_free()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def host_free() -> int | None:
    """Bytes that are free in the host's memory, within the limit of a container; None where unknown."""
    free = [1024 * size for size in _entries("proc/meminfo", "MemAvailable:")]
    for folder, (limit, used, dropped) in _GROUPS.items():
        sizes = _text(f"{folder}/{limit}").split() + _text(f"{folder}/{used}").split()
        if len(sizes) == 2 and all(size.isdigit() for size in sizes):  # "max" is no limit
            files = sum(_entries(f"{folder}/memory.stat", dropped))
            free.append(int(sizes[0]) - int(sizes[1]) + files)
    return min(free, default=None)


def fits(needed: float, free: int | None, share: float) -> bool:
    """Whether `needed` bytes are within a share of the `free` ones, or these are not known."""
    return free is None or needed <= share * free


def _entries(name, label):
    lines = (line.split() for line in _text(name).splitlines())
    return [int(words[1]) for words in lines if words[:1] == [label]]


def _text(name):
    try:
        return (_ROOT / name).read_text()
    except OSError:
        return ""

"""What is free, read off files and devices whose answer is known."""

import types

import jax
import pytest

from lsgeo import memory

MEMINFO = "MemTotal:  9 kB\nMemFree:  1 kB\nMemAvailable:  2048 kB\nCached:  5 kB\n"
V1, V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"


def _files(tmp_path, monkeypatch, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(memory, "_ROOT", tmp_path)


@pytest.mark.parametrize(
    ("group", "free"),
    [
        ({}, 2048 * 1024),
        ({f"{V2}/memory.max": "1000\n", f"{V2}/memory.current": "400\n"}, 600),
        ({f"{V2}/memory.max": "max\n", f"{V2}/memory.current": "400\n"}, 2048 * 1024),
        ({f"{V1}/memory.limit_in_bytes": "1000", f"{V1}/memory.usage_in_bytes": "300"}, 700),
        # What version 1 writes where there is no limit.
        ({f"{V1}/memory.limit_in_bytes": str(2**63 - 4096), f"{V1}/memory.usage_in_bytes": "300"}, 2**21),
        # Files that were read stay in memory until it is needed.
        (
            {
                f"{V2}/memory.max": "1000",
                f"{V2}/memory.current": "990",
                f"{V2}/memory.stat": "anon 90\ninactive_file 900\nactive_file 0\n",
            },
            910,
        ),
    ],
)  # fmt: skip
def test_free_memory_of_the_host_is_the_least_of_what_the_kernel_and_the_container_allow(
    tmp_path, monkeypatch, group, free
):
    _files(tmp_path, monkeypatch, {"proc/meminfo": MEMINFO, **group})
    assert memory.host_free() == memory.device_free() == free


def test_a_host_that_does_not_say_is_unknown_and_everything_fits(tmp_path, monkeypatch):
    _files(tmp_path, monkeypatch, {})
    assert memory.host_free() is None
    assert memory.fits(2**60, None, 0.5)
    assert memory.fits(50, 100, 0.5) and not memory.fits(51, 100, 0.5)


@pytest.mark.parametrize(
    ("stats", "free"),
    [({"bytes_limit": 100, "bytes_in_use": 30}, 70), ({"bytes_limit": 100}, 100), (None, None)],
)
def test_free_memory_of_an_accelerator_is_its_limit_less_what_is_in_use(monkeypatch, stats, free):
    device = types.SimpleNamespace(platform="gpu", memory_stats=lambda: stats)
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert memory.device_free() == free


def test_free_memory_of_this_machine_is_known():
    assert 2**20 < memory.host_free() < 2**50
    assert memory.device_free() > 2**20

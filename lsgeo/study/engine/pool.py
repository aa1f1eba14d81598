"""Fills the run directories of a study, in as many processes as there are cores or accelerators."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence

import jax

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from lsgeo.study.engine.jobs import make
from lsgeo.study.plan import Job

# One thread per process: two small networks side by side are faster than one on two threads, and every
# process rounds alike.
WORKER_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


_messages = None


def default_workers() -> int:
    """One process per core on CPU, one per GPU, one in all on a TPU, which only one process can use."""
    if jax.default_backend() != "cpu":
        return jax.local_device_count() if jax.default_backend() == "gpu" else 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    groups: Sequence[Sequence[Job]],
    workers: int,
    on_event: Callable[[str, Job, str], None],
) -> None:
    """Runs groups of jobs; the jobs of a group share their compilations and run in order.

    A run that ends with an error is skipped, also by those that need it. A run whose directory is damaged is
    set aside and made anew. Other processes may work in the same directories: a network is one process's at a
    time.

    Args:
      groups: lists of jobs; the costliest group starts first.
      workers: processes; 1 runs everything in this one.
      on_event: called as on_event("start" | "done", job, text) as jobs come and go; `text` is that of a
        ValueError, or of want of memory, that ended a job, or of a damage that was repaired, else "".

    Raises:
      ValueError: if a process was killed.
    """
    groups = sorted(groups, key=lambda group: -sum(job.cost for job in group))
    if workers == 1 or len(groups) < 2:
        for group in groups:
            _run_group(group, on_event)
        return
    context = multiprocessing.get_context("spawn")
    events, places = context.Queue(), context.Queue()
    if WORKER_FLAGS not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {WORKER_FLAGS}".strip()
    on_accelerator = jax.default_backend() != "cpu"
    if on_accelerator:
        for place in _devices(workers):
            places.put(place)
    arguments = (events, os.getpid(), _cache_dir(), places if on_accelerator else None)
    with concurrent.futures.ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=arguments
    ) as pool:
        waiting = [pool.submit(_work, group) for group in groups]
        received = 0
        try:
            while any(not future.done() for future in waiting):
                with contextlib.suppress(queue.Empty):
                    on_event(*events.get(timeout=0.2))
                    received += 1
            # A group's last events may come later than its result.
            for _ in range(sum(future.result() for future in waiting) - received):
                on_event(*events.get())
        except concurrent.futures.BrokenExecutor as error:
            raise ValueError(
                "A process was killed before its runs were done, perhaps for want of memory. Run the same "
                f"command again, with fewer --config.workers than {workers}; it continues."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def leave_device_memory() -> None:
    """Keeps this process from reserving the memory of accelerators, which its workers need.

    To be called before the first use of a device; a setting of one's own stays.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def enable_compilation_cache(path: str | os.PathLike) -> None:
    """Keeps compiled programs on disk, so that a study that was killed does not compile again."""
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _devices(workers):
    # Of those that this process may use, one for each worker, in turn where there are more workers.
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    devices = [name.strip() for name in chosen if name.strip()]
    devices = devices or [str(place) for place in range(jax.local_device_count())]
    return [devices[worker % len(devices)] for worker in range(workers)]


def _cache_dir():
    return jax.config.jax_compilation_cache_dir


def _start_worker(events, parent, cache, places):
    global _messages
    _messages = events
    if places is not None:
        # Before the first use of a device, so that each process sees its own.
        os.environ["CUDA_VISIBLE_DEVICES"] = places.get()
    if cache:
        enable_compilation_cache(cache)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    # A study that is killed must not leave writers behind.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(group):
    sent = 0

    def on_event(*event):
        nonlocal sent
        sent += 1
        _messages.put(event)

    _run_group(group, on_event)
    return sent


def _run_group(group, on_event):
    for job in group:
        on_event("start", job, "")
        with _alone(job.cell.path):
            text = make(job, group)
        on_event("done", job, text)


@contextlib.contextmanager
def _alone(path):
    # Another study in the same directory waits here, then finds the run done; a kill sets the network free.
    path.mkdir(parents=True, exist_ok=True)
    place = os.open(path, os.O_RDONLY) if fcntl else None
    try:
        if place is not None:
            with contextlib.suppress(OSError):  # A file system without locks.
                fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        if place is not None:
            os.close(place)

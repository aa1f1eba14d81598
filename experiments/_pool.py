"""Fills the run directories of a study, in as many processes as there are cores or accelerators."""

import concurrent.futures
import multiprocessing
import os
import pathlib
import queue
import threading
import time
from collections.abc import Callable, Sequence

import jax

from experiments import _grid, _state
from lsgeo import runs, training

# One thread per process: two small networks side by side are faster than one on two threads, and every
# process rounds alike.
WORKER_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

REPAIRED = "computed again."

_messages = None


def default_workers() -> int:
    """One process per core on CPU, one per accelerator else."""
    if jax.default_backend() != "cpu":
        return jax.local_device_count()
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    groups: Sequence[Sequence[_grid.Job]],
    workers: int,
    on_event: Callable[[str, _grid.Job, str], None],
) -> None:
    """Runs groups of jobs; the jobs of a group share their compilations and run in order.

    A run that ends with an error is skipped, also by those that need it. A run whose directory is damaged is
    set aside and made anew.

    Args:
      groups: lists of jobs; the costliest group starts first.
      workers: processes; 1 runs everything in this one.
      on_event: called as on_event("start" | "done", job, text) as jobs come and go; `text` is that of a
        ValueError that ended a job, or of a damage that was repaired, else "".
    """
    groups = sorted(groups, key=lambda group: -sum(job.cost for job in group))
    if workers == 1 or len(groups) < 2:
        for group in groups:
            _run_group(group, on_event)
        return
    context = multiprocessing.get_context("spawn")
    events, places = context.Queue(), context.Queue()
    for place in range(workers):
        places.put(place)
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {WORKER_FLAGS}".strip()
    on_accelerator = jax.default_backend() != "cpu"
    arguments = (events, os.getpid(), _cache_dir(), places if on_accelerator else None)
    with concurrent.futures.ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=arguments
    ) as pool:
        waiting = [pool.submit(_work, group) for group in groups]
        try:
            while any(not future.done() for future in waiting) or not events.empty():
                try:
                    on_event(*events.get(timeout=0.2))
                except queue.Empty:
                    continue
            for future in waiting:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def enable_compilation_cache(path: str | os.PathLike) -> None:
    """Keeps compiled programs on disk, so that a study that was killed does not compile again."""
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _cache_dir():
    return jax.config.jax_compilation_cache_dir


def _start_worker(events, parent, cache, places):
    global _messages
    _messages = events
    if places is not None:
        # Before the first use of a device, so that each process sees its own.
        os.environ["CUDA_VISIBLE_DEVICES"] = str(places.get())
    if cache:
        enable_compilation_cache(cache)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    # A study that is killed must not leave writers behind.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(group):
    _run_group(group, lambda *event: _messages.put(event))


def _run_group(group, on_event):
    for job in group:
        on_event("start", job, "")
        on_event("done", job, _run(job, group))


def _run(job, group):
    found = _state.state(job)
    if found.kind in ("done", "other"):
        return found.text
    if found.kind == "damaged":
        return _again(job, group, job.workdir, found.text)
    try:
        _measure(job)
    except runs.DamagedFileError as error:
        return _again(job, group, _run_directory(job, error.path), str(error))
    except ValueError as error:
        return str(error)
    return ""


def _again(job, group, place, text):
    broken = [other for other in group if other.workdir == place]
    if not broken:
        return text
    aside = _state.set_aside(place)
    try:
        for one in (*(other for other in broken if other is not job), job):
            _measure(one)
    except ValueError as error:
        return str(error)
    return f"{text} {aside_text(aside)}"


def aside_text(aside: pathlib.Path) -> str:
    """Says that a damaged directory was renamed and its run repeated."""
    return f"Its run was set aside as {aside.name} and {REPAIRED}"


def _run_directory(job, path):
    # The run's directory, one below the cell's, that a damaged file lies in.
    for parent in path.parents:
        if parent.parent == job.cell.path:
            return parent
    return None


def _measure(job):
    started = time.monotonic()
    if _possible(job):
        job.run()
        _state.mark(job, time.monotonic() - started)


def _possible(job):
    # A network that never reached a loss has nothing to measure there; that is a result.
    if job.experiment == "train":
        return True
    there = training.checkpoints(job.config.run)
    if job.experiment == "surface":
        return job.config.checkpoint in there
    return any(name in there for name in job.config.checkpoints)

"""Fills the run directories of a study, in as many processes as there are cores."""

import concurrent.futures
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence

import jax

from experiments import _grid
from lsgeo import training

# One thread per process: two small networks side by side are faster than one on two threads, and every
# process rounds alike.
WORKER_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

_messages = None


def default_workers() -> int:
    """One process per core on CPU, one process in all on an accelerator."""
    if jax.default_backend() != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(
    groups: Sequence[Sequence[_grid.Job]],
    workers: int,
    on_event: Callable[[str, _grid.Job, str], None],
) -> None:
    """Runs groups of jobs; the jobs of a group share their compilations and run in order.

    Args:
      groups: lists of jobs; the costliest group starts first.
      workers: processes; 1 runs everything in this one.
      on_event: called as on_event("start" | "done", job, error) as jobs come and go; `error` is the
        text of a ValueError that ended a job, else "".
    """
    groups = sorted(groups, key=lambda group: -sum(job.cost for job in group))
    if workers == 1 or len(groups) < 2:
        for group in groups:
            _run_group(group, on_event)
        return
    context = multiprocessing.get_context("spawn")
    events = context.Queue()
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {WORKER_FLAGS}".strip()
    with concurrent.futures.ProcessPoolExecutor(
        workers, context, initializer=_start_worker, initargs=(events, os.getpid(), _cache_dir())
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


def _start_worker(events, parent, cache):
    global _messages
    _messages = events
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
        error = ""
        try:
            if _possible(job):
                job.run()
        except ValueError as problem:
            error = str(problem)
        on_event("done", job, error)


def _possible(job):
    # A network that never reached the matched loss has no surface there; that is a result.
    if job.experiment not in ("surface", "saddles"):
        return True
    there = training.checkpoints(job.config.run)
    if job.experiment == "surface":
        return job.config.checkpoint in there
    return any(name in there for name in job.config.checkpoints)

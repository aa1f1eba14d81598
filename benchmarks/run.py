"""Runs the tools side by side and writes one JSON file; `python -m benchmarks.table` prints it.

Each tool lives in a process of its own, and one of them works at a time; repetitions are interleaved, so that a
change in the machine's load meets all tools alike. A tool that is not installed is written down as missing.
On a machine that is busy with other work set OMP_WAIT_POLICY=passive: PyTorch's threads otherwise spin and wait
for cores that others have, and its times mean nothing.

    python -m benchmarks.run --workload=mlp-50k --job=product --tools=lsgeo,matfree --output=results.json
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import select
import subprocess
import sys
import time

from absl import app, flags

from benchmarks import tools, workloads

JOBS = ("product", "density", "extremes", "trace")
# What the default takes of the larger networks, to stay short; --job overrides it.
SHORT = {"mlp-1m": ("product", "density", "extremes"), "resnet20": ("product",)}
PACKAGES = (
    "jax",
    "torch",
    "matfree",
    "traceax",
    "pyhessian",
    "curvlinops-for-pytorch",
    "hessian-eigenthings",
)

_WORKLOAD = flags.DEFINE_list("workload", list(workloads.WORKLOADS), "networks")
_JOB = flags.DEFINE_list(
    "job", None, f"jobs of {', '.join(JOBS)}; by default all, fewer on large networks"
)
_TOOLS = flags.DEFINE_list("tools", list(tools.TOOLS), "tools")
_REPEATS = flags.DEFINE_integer("repeats", 5, "repetitions of a product; whole jobs take a fifth")
_TIMEOUT = flags.DEFINE_float("timeout", 120.0, "seconds after which a job of a tool is given up")
_THREADS = flags.DEFINE_integer("threads", 2, "threads of either framework")
_OUTPUT = flags.DEFINE_string(
    "output", "runs/bench/results.json", "JSON file; earlier results in it are kept"
)


class Worker:
    """A process with one tool; what it cannot do, it says."""

    def __init__(self, tool, workload, truth):
        threads = str(_THREADS.value)
        environment = os.environ | {
            "BENCHMARK_THREADS": threads,
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "JAX_PLATFORMS": "cpu",
        }
        command = [sys.executable, "-m", "benchmarks.worker", tool, workload, str(truth)]
        log = truth.with_name(f"{workload}-{tool}.log").open("w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
        )
        self.given_up = False
        self.unable = self._read(300.0).get("missing")

    def run(self, job, timeout):
        """The tool's answer; {"missing": why} where there is none."""
        if self.unable:
            return {"missing": self.unable}
        self.process.stdin.write(json.dumps({"job": job}).encode() + b"\n")
        self.process.stdin.flush()
        return self._read(timeout)

    def _read(self, timeout):
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if ready else b""
        if line:
            return json.loads(line)
        self.unable = "the process died" if ready else f"not done after {timeout:g} s"
        self.given_up = True
        self.close()
        return {"missing": self.unable}

    def close(self):
        self.process.kill()
        self.process.wait()


def measure(workload, jobs, names, directory):
    """Yields one record for each workload, job, tool and repetition."""
    truth = directory / f"truth-{workload}.npz"
    reference = Worker("truth", workload, truth)
    for job in dict.fromkeys(("product", *jobs)):
        answer = reference.run(job, 900.0)
        if "done" not in answer:
            raise RuntimeError(f"no reference for {job} on {workload}: {answer}")
    reference.close()
    workers = {}
    try:
        for name in names:
            workers[name] = Worker(name, workload, truth)
        for job in jobs:
            for name in [name for name, worker in workers.items() if worker.given_up]:
                workers[name] = Worker(name, workload, truth)
            repeats = _REPEATS.value if job == "product" else max(1, _REPEATS.value // 5)
            for repeat in range(repeats):
                for name, worker in workers.items():
                    answer = worker.run(job, _TIMEOUT.value)
                    yield {
                        "workload": workload,
                        "job": job,
                        "tool": name,
                        "repeat": repeat,
                    } | answer
    finally:
        for worker in workers.values():
            worker.close()


def jobs_of(workload):
    return _JOB.value or SHORT.get(workload, JOBS)


def machine():
    """What the numbers depend on: versions, processor, threads."""
    versions = {}
    for package in ("lsgeo", *PACKAGES):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "threads": _THREADS.value,
        "load_at_start": os.getloadavg()[0],
    }


def main(argv):
    del argv
    output = pathlib.Path(_OUTPUT.value)
    output.parent.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine(), "records": []}
    if output.exists():
        earlier = json.loads(output.read_text())["records"]
        new = [(w, j, t) for w in _WORKLOAD.value for j in jobs_of(w) for t in _TOOLS.value]
        results["records"] = [r for r in earlier if (r["workload"], r["job"], r["tool"]) not in new]
    begin = time.perf_counter()
    for workload in _WORKLOAD.value:
        for record in measure(workload, jobs_of(workload), _TOOLS.value, output.parent):
            results["records"].append(record)
            output.write_text(json.dumps(results, indent=1))
            said = (
                record.get("missing") or record.get("failed") or f"{record.get('seconds', 0):.4g} s"
            )
            print(
                f"{time.perf_counter() - begin:6.0f} s  {workload} {record['job']} {record['tool']}: {said}"
            )


if __name__ == "__main__":
    app.run(main)

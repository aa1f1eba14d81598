"""What lsgeo's repeated product costs in compiled gradients, and what Lanczos adds to the products.

    python -m benchmarks.product_cost

The two figures of each line are measured in turns, so that the machine's load meets both alike.
"""

import dataclasses
import os
import statistics
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

import lsgeo
from benchmarks import workloads
from lsgeo.spectra.krylov import lanczos

STEPS = 90


def _seconds(call):
    begin = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - begin


def _in_turns(first, second, repeats):
    """Medians of two calls that alternate, and the median of their ratio."""
    first(), second()
    pairs = [(_seconds(first), _seconds(second)) for _ in range(repeats)]
    ratio = statistics.median(a / b for a, b in pairs)
    return *(statistics.median(side) for side in zip(*pairs, strict=True)), ratio


def product_in_gradients(name, repeats):
    """Prints the cost of one product in gradients."""
    problem = workloads.build(name)
    gradient = jax.jit(jax.grad(problem.loss))
    op = lsgeo.hessian(problem.loss, problem.params, problem.batch)
    v = jnp.ones(op.shape[0], op.dtype)
    batch = problem.batch
    product, slope, ratio = _in_turns(
        lambda: op.flat_product(v), lambda: gradient(problem.params, batch), repeats
    )
    print(
        f"| {name} | {op.shape[0]} | {1e3 * slope:.2f} | {1e3 * product:.2f} | {ratio:.2f} |",
        flush=True,
    )


class _Timed:
    """An operator that adds up the time of its products."""

    def __init__(self, op):
        self._op, self.seconds = op, 0.0

    def __getattr__(self, name):
        return getattr(self._op, name)

    def flat_product(self, v):
        jax.block_until_ready(v)
        begin = time.perf_counter()
        out = jax.block_until_ready(self._op.flat_product(v))
        self.seconds += time.perf_counter() - begin
        return out


def lanczos_share(name, copies):
    """Prints what Lanczos' own work takes beside the products of the same run.

    It depends on n and the steps alone, a product on the batch too: here `copies` of it.
    """
    problem = workloads.build(name)
    problem = dataclasses.replace(
        problem,
        inputs=np.tile(problem.inputs, (copies, *[1] * (problem.inputs.ndim - 1))),
        targets=np.tile(problem.targets, copies),
    )
    op = _Timed(lsgeo.hessian(problem.loss, problem.params, problem.batch))
    lanczos.extend(op, lanczos.start(op, key=jax.random.key(1)), 2)  # compiles
    op.seconds = 0.0
    state = lanczos.start(op, key=jax.random.key(0))
    begin = time.perf_counter()
    jax.block_until_ready(lanczos.extend(op, state, STEPS).current)
    own = time.perf_counter() - begin - op.seconds
    print(
        f"\n{STEPS} Lanczos steps at n = {op.shape[0]}, {len(problem.targets)} examples: a product "
        f"{1e3 * op.seconds / STEPS:.0f} ms, own work {1e3 * own / STEPS:.0f} ms a step, "
        f"{own / op.seconds:.1%} of the products",
        flush=True,
    )


def main():
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, float32, load {os.getloadavg()[0]:.2f}\n")
    print(
        "| workload | parameters | gradient, ms | product, ms | gradients |\n|---|---|---|---|---|"
    )
    for name, repeats in (("mlp-50k", 41), ("mlp-1m", 21), ("transformer", 21), ("resnet20", 9)):
        product_in_gradients(name, repeats)
    for copies in (1, 8, 32):
        lanczos_share("mlp-1m", copies)


if __name__ == "__main__":
    main()

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


def lanczos_share(name, repeats, copies):
    """Prints the time of a density over that of its products alone, less one.

    Lanczos' own work depends on n and the steps alone, a product on the batch too: here `copies` of it.
    """
    problem = workloads.build(name)
    problem = dataclasses.replace(
        problem,
        inputs=np.tile(problem.inputs, (copies, *[1] * (problem.inputs.ndim - 1))),
        targets=np.tile(problem.targets, copies),
    )
    op = lsgeo.hessian(problem.loss, problem.params, problem.batch)
    v = jnp.ones(op.shape[0], op.dtype)

    def density():
        return lsgeo.spectral_density(
            op, key=jax.random.key(0), num_probes=1, num_steps=STEPS
        ).nodes

    def products():
        w = v
        for _ in range(STEPS):
            w = op.flat_product(v)
        return w

    whole, bare, ratio = _in_turns(density, products, repeats)
    print(
        f"\n{STEPS} Lanczos steps at n = {op.shape[0]}, {len(problem.targets)} examples: {whole:.2f} s; "
        f"the products alone {bare:.2f} s, Lanczos' own work {ratio - 1:.1%}"
    )


def main():
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, float32, load {os.getloadavg()[0]:.2f}\n")
    print(
        "| workload | parameters | gradient, ms | product, ms | gradients |\n|---|---|---|---|---|"
    )
    for name, repeats in (("mlp-50k", 41), ("mlp-1m", 21), ("transformer", 21), ("resnet20", 9)):
        product_in_gradients(name, repeats)
    lanczos_share("mlp-1m", 5, copies=1)
    lanczos_share("mlp-1m", 2, copies=8)


if __name__ == "__main__":
    main()

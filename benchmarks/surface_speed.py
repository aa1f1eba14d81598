"""How fast a surface is, beside the bare forward pass and beside the way of the published scripts.

    python -m benchmarks.surface_speed
    python -m benchmarks.surface_speed --networks=mlp-50k --resolution=11 --examples=512

Whole surfaces and rows of theirs in other ways take turns in one process, so that the machine's load meets all
alike; a ratio is the median over three turns.

- raw: the compiled loss of all examples, again and again at one point, without waiting for a result.
- JAX loop, PyTorch loop: points and mini-batches of 128 in Python, with the weights set tensor by tensor and
  float(loss) of each mini-batch added up; the data sit in memory, cut already.
- scripts: PyTorch's loop with a DataLoader, which gathers each mini-batch from single examples at every point,
  and the accuracy, as in the scripts of Li et al. (2018). It is kinder than theirs, which start two worker
  processes at every point and decode and normalise every image there.

Each way's losses must agree with the surface's. In the environment of `make bench` PyTorch is at hand.
"""

import argparse
import functools
import os
import statistics
import time

from lsgeo.operators.evaluation import evaluate

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # PyTorch's threads must not spin beside JAX's

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import workloads
from lsgeo import data, geometry, models

MINI_BATCH = 128
AGREEMENT = {"cpu": 1e-4, "gpu": 1e-2}  # relative, of losses; GPUs multiply float32 in TF32
NETWORKS = {
    "mlp-50k": ("mlp", {"depth": 8, "width": 74, "skip": "scaled"}),
    "mlp-1m": ("mlp", {"depth": 8, "width": 352, "skip": "scaled"}),
    "resnet20-digits": ("resnet-20", {}),
    "vit-digits": ("vit", {"depth": 4, "width": 64, "heads": 4}),
}
GOALS = {"raw": 0.95, "JAX": 3.0, "PyTorch": 3.0, "scripts": 3.0}


def build(name, examples):
    """Makes a network at its initial weights, with digits, and two directions."""
    family, options = NETWORKS[name]
    split = data.load("digits", num_train=examples).train
    images, labels = np.asarray(split["image"], np.float32), np.asarray(split["label"], np.int32)
    model = models.create(family, **options)
    variables = models.init(model, jnp.asarray(images[:2]), key=jax.random.key(0))
    constants = {}
    if "batch_stats" in variables:
        constants = models.reestimate_batch_stats(model, variables, jnp.asarray(images))
    loss = models.CrossEntropy(model, constants)
    problem = workloads.Problem(name, loss, variables["params"], constants, images, labels)
    directions = geometry.filter_normalized_directions(
        problem.params,
        key=jax.random.key(1),
        loss=loss,
        batch={"image": images[:2], "label": labels[:2]},
    )
    return problem, directions


def raw(problem, directions):
    """The forward pass alone: as many losses as a row has, at the centre."""
    del directions
    loss, params, batch = problem.loss, problem.params, problem.batch

    def row(xs, y):
        del y
        return jax.block_until_ready([evaluate(loss, params, batch) for _ in xs])

    return row


def published_jax(problem, directions):
    """The loop of the published scripts in JAX."""
    loss, params, (along_x, along_y) = problem.loss, problem.params, directions
    parts = [
        {name: part[i : i + MINI_BATCH] for name, part in problem.batch.items()}
        for i in range(0, len(problem.targets), MINI_BATCH)
    ]

    def point(x, y):
        moved = jax.tree.map(lambda w, a, b: w + x * a + y * b, params, along_x, along_y)
        total = 0.0
        for part in parts:
            total += float(evaluate(loss, moved, part)) * len(part["label"])
        return total / len(problem.targets)

    return lambda xs, y: [point(x, y) for x in xs]


def published_torch(problem, directions, loader=False):
    """The same in PyTorch, with or without a DataLoader, or None where PyTorch has not this device."""
    try:
        import torch
    except ImportError:
        return None
    from torch.nn import functional as F

    from benchmarks import torch_networks

    place = {"cpu": "cpu", "gpu": "cuda"}[jax.default_backend()]
    if place == "cuda" and not torch.cuda.is_available():
        return None
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    network = torch_networks.Network(problem).to(place)
    inputs, targets = torch_networks.inputs_and_targets(problem)
    if not loader:
        inputs, targets = inputs.to(place), targets.to(place)
    flat = [np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(d)]) for d in directions]
    along_x, along_y = ([part.to(place) for part in network.to_native(d)] for d in flat)
    weights = [parameter.detach().clone() for parameter in network.parameters()]
    parts = list(zip(inputs.split(MINI_BATCH), targets.split(MINI_BATCH), strict=True))
    if loader:
        examples = torch.utils.data.TensorDataset(inputs, targets)
        parts = torch.utils.data.DataLoader(examples, batch_size=MINI_BATCH, shuffle=True)

    def point(x, y):
        for parameter, w, a, b in zip(network.parameters(), weights, along_x, along_y, strict=True):
            parameter.data = w + a * x + b * y
        total, correct = 0.0, 0
        for images, labels in parts:
            images, labels = images.to(place), labels.to(place)
            logits = network(images)
            total += F.cross_entropy(logits, labels).item() * len(labels)
            if loader:
                correct += logits.max(1)[1].eq(labels).sum()
        return total / len(targets)

    def row(xs, y):
        with torch.no_grad():
            return [point(x, y) for x in xs]

    return row


def measure(problem, directions, resolution, turns=3):
    """Seconds a point by way: in each turn the whole surface, then some of its rows in the other ways."""
    scripts = functools.partial(published_torch, loader=True)
    makers = {"raw": raw, "JAX": published_jax, "PyTorch": published_torch, "scripts": scripts}
    ways = {name: way for name, make in makers.items() if (way := make(problem, directions))}
    grid = np.linspace(-0.5, 0.5, resolution)
    seconds = {name: [] for name in ("surface", *ways)}
    tolerance = AGREEMENT[jax.default_backend()]
    arguments = (problem.loss, problem.params, problem.batch, directions)
    geometry.surface(*arguments, xs=grid, ys=grid[:1])  # compiles
    for turn in range(turns):
        # The surface queues its calls: only a whole one has a time of its own.
        begin = time.perf_counter()
        found = geometry.surface(*arguments, xs=grid, ys=grid)
        seconds["surface"].append((time.perf_counter() - begin) / found.num_evaluations)
        for name, way in ways.items():
            rows = range(turn, resolution, turns)[: 9 if name == "raw" else 1]
            way(
                grid[:1].tolist(), 0.0
            )  # not timed: what ran before left caches and threads of its own
            begin = time.perf_counter()
            values = [way(grid.tolist(), float(grid[row])) for row in rows]
            seconds[name].append((time.perf_counter() - begin) / (len(rows) * resolution))
            if name != "raw" and not np.allclose(values, found.values[rows], rtol=tolerance):
                raise SystemExit(
                    f"{name} finds other losses than the surface: {values}, {found.values[rows]}"
                )
        ways["raw"](grid[:1], 0.0)
    return seconds


def line(problem, seconds):
    """One row of the table."""
    each = {name: 1e3 * statistics.median(turns) for name, turns in seconds.items()}
    cells = [problem.name, str(problem.size), f"{each['surface']:.3f}"]
    for name, goal in GOALS.items():
        if name not in seconds:
            cells += ["-", "-"]
            continue
        ratios = [a / b for a, b in zip(seconds[name], seconds["surface"], strict=True)]
        ratio = statistics.median(ratios)
        text = f"{ratio:.1%}" if name == "raw" else f"{ratio:.2f}x"
        cells += [f"{each[name]:.3f}", text + ("" if ratio >= goal else " (missed)")]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--networks", default=",".join(NETWORKS), help=f"with commas, of {', '.join(NETWORKS)}"
    )
    parser.add_argument("--resolution", type=int, default=51, help="points on a side of the grid")
    parser.add_argument("--examples", type=int, default=1024, help="of the loss")
    options = parser.parse_args()
    cores, device = len(os.sched_getaffinity(0)), jax.devices()[0].device_kind
    side = options.resolution
    print(f"{device}, {cores} cores, load {os.getloadavg()[0]:.2f}, float32")
    print(f"{side} x {side} points, {options.examples} digits; ms a point, medians over 3 turns")
    print(f"goals: {GOALS['raw']:.0%} of raw, {GOALS['scripts']:g} times the loops\n")
    heads = ["network", "parameters", "surface", "raw", "of raw", "JAX loop", "gain"]
    heads += ["PyTorch loop", "gain", "scripts", "gain"]
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for name in options.networks.split(","):
        problem, directions = build(name, options.examples)
        seconds = measure(problem, directions, side)
        print(line(problem, seconds), flush=True)


if __name__ == "__main__":
    main()
